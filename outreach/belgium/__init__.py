"""Belgian facts as pure functions over shipped tables: numbers, places, sectors, legal forms and office hours."""
