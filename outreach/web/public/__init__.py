"""What companies, their mail programs and the enterprises reach; in Dutch, without cookies and without scripts."""
