-- Contacts at companies of section F whose seat lies in West- or Oost-Vlaanderen.
SELECT c.id
FROM company k
JOIN contact c ON c.company_id = k.id
WHERE k.province_nis IN ('30000', '40000') AND k.section_2025 = 'F' AND c.address_hash IS NOT NULL
