-- Contacts in trade and transport whose company works with no enterprise, and who were never shown service dienst-14.
SELECT c.id
FROM company k
JOIN contact c ON c.company_id = k.id
WHERE k.section_2025 IN ('G', 'H')
  AND k.id NOT IN (SELECT company_id FROM collaboration)
  AND c.address_hash IS NOT NULL
  AND c.id NOT IN (
      SELECT other.id
      FROM service s
      JOIN exposure e ON e.service_id = s.id
      JOIN delivery d ON d.cohort_id = e.cohort_id
      JOIN contact other ON other.address_hash = d.address_hash
      WHERE s.slug = 'dienst-14' AND d.status IN ('sending', 'sent', 'uncertain')
        AND d.campaign_id NOT IN (SELECT id FROM campaign WHERE simulated))
