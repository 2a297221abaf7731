-- Contacts in trade and transport whose company works with no enterprise, and who were never shown service dienst-14.
SELECT c.id
FROM company k
JOIN contact c ON c.company_id = k.id
WHERE k.section_2025 IN ('G', 'H')
  AND NOT EXISTS (SELECT 1 FROM collaboration x WHERE x.company_id = k.id)
  AND c.address_hash IS NOT NULL
  AND c.address_hash NOT IN (
      SELECT d.address_hash
      FROM service s
      JOIN exposure e ON e.service_id = s.id
      JOIN delivery d ON d.cohort_id = e.cohort_id
      WHERE s.slug = 'dienst-14' AND d.status IN ('sending', 'sent', 'uncertain') AND d.address_hash IS NOT NULL)
