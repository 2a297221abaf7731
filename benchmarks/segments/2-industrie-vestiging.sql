-- Contacts at a bv or nv that makes metal products, plastics or food (2025: 25, 22.2, 10),
-- with its seat or any establishment in Limburg or Vlaams-Brabant.
SELECT c.id
FROM company k
JOIN contact c ON c.company_id = k.id
WHERE (k.nace_2025 >= '25' AND k.nace_2025 < '26'
       OR k.nace_2025 >= '222' AND k.nace_2025 < '223'
       OR k.nace_2025 >= '10' AND k.nace_2025 < '11')
  AND k.legal_form IN ('bv', 'nv')
  AND (k.province_nis IN ('70000', '20001')
       OR EXISTS (SELECT 1 FROM establishment e
                  WHERE e.company_id = k.id AND e.province_nis IN ('70000', '20001')))
  AND c.address_hash IS NOT NULL
