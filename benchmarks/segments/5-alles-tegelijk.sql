-- Contacts whose address got no mail since 10 November and was shown neither dienst-14 nor dienst-27 since 26 August,
-- at a company that was a customer in 2022 or 2023; or that has an establishment in Flanders, no seat as sole trader
-- or vof, no activity in A, 47.1 or 56, and of which nobody was mailed since 25 October.
SELECT c.id
FROM company k
JOIN contact c ON c.company_id = k.id
WHERE (k.id IN (SELECT company_id FROM collaboration
                WHERE kind = 'customer'
                  AND (from_year <= 2022 AND (to_year IS NULL OR to_year >= 2022)
                       OR from_year <= 2023 AND (to_year IS NULL OR to_year >= 2023)))
       OR k.id IN (SELECT company_id FROM establishment
                   WHERE province_nis IN ('10000', '20001', '30000', '40000', '70000'))
          AND coalesce(k.legal_form, '') NOT IN ('eenmanszaak', 'vof')
          AND coalesce(k.section_2025, '') <> 'A'
          AND (k.nace_2025 IS NULL
               OR NOT (k.nace_2025 >= '471' AND k.nace_2025 < '472' OR k.nace_2025 >= '56' AND k.nace_2025 < '57'))
          AND k.id NOT IN (SELECT company_id FROM delivery
                           WHERE campaign_id NOT IN (SELECT id FROM campaign WHERE simulated)
                             AND (status = 'sent' AND sent_at >= '2026-10-25 09:00:00.000000'
                                  OR status IN ('sending', 'uncertain') AND status_at >= '2026-10-25 09:00:00.000000')))
  AND c.address_hash IS NOT NULL
  AND c.id NOT IN (
      SELECT other.id
      FROM service s
      JOIN exposure e ON e.service_id = s.id
      JOIN delivery d ON d.cohort_id = e.cohort_id
      JOIN contact other ON other.address_hash = d.address_hash
      WHERE s.slug IN ('dienst-14', 'dienst-27') AND d.campaign_id NOT IN (SELECT id FROM campaign WHERE simulated)
        AND (d.status = 'sent' AND d.sent_at >= '2026-08-26 09:00:00.000000'
             OR d.status IN ('sending', 'uncertain') AND d.status_at >= '2026-08-26 09:00:00.000000'))
  AND NOT EXISTS (SELECT 1 FROM delivery d
                  WHERE d.address_hash = c.address_hash AND d.campaign_id NOT IN (SELECT id FROM campaign WHERE simulated)
                    AND (d.status = 'sent' AND d.sent_at >= '2026-11-10 09:00:00.000000'
                         OR d.status IN ('sending', 'uncertain') AND d.status_at >= '2026-11-10 09:00:00.000000'))
