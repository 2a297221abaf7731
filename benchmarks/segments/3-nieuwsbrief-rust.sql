-- Tagged contacts at companies with seat or establishment in Antwerpen, whose address got no mail since 25 October.
SELECT c.id
FROM contact c
WHERE c.id IN (SELECT contact_id FROM contact_tag WHERE tag = 'nieuwsbrief'
               UNION ALL SELECT contact_id FROM contact_tag WHERE tag = 'beurs-2026')
  AND c.company_id IN (SELECT id FROM company WHERE province_nis = '10000'
                       UNION ALL SELECT company_id FROM establishment WHERE province_nis = '10000')
  AND c.address_hash IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM delivery d
                  WHERE d.address_hash = c.address_hash AND d.campaign_id NOT IN (SELECT id FROM campaign WHERE simulated)
                    AND (d.status = 'sent' AND d.sent_at >= '2026-10-25 09:00:00.000000'
                         OR d.status IN ('sending', 'uncertain') AND d.status_at >= '2026-10-25 09:00:00.000000'))
