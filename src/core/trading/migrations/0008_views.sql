-- Reference trading schema, part 8: views for people. Sums of REAL units are not for accounting.

-- migrate:up

-- Profit per UTC day, account and asset, exact integers at the asset's scale. The store's dailyProfit(from, to) binds a time range and is
-- the way to ask for a few days of a large table: this view reads all fills.
CREATE VIEW v_daily_profit AS
SELECT date(d * 86400, 'unixepoch') AS day, account_id, asset_id,
       sum(realized) AS realized, sum(fee) AS fees, sum(funding) AS funding, sum(realized) - sum(fee) + sum(funding) AS net
FROM (SELECT f.exec_us / 86400000000 AS d, f.account_id, i.quote_asset_id AS asset_id, f.realized, 0 AS fee, 0 AS funding
        FROM fills f JOIN instruments i USING (instrument_id) WHERE f.busted = 0
      UNION ALL
      SELECT exec_us / 86400000000, account_id, fee_asset_id, 0, fee, 0 FROM fills WHERE busted = 0 AND fee <> 0
      UNION ALL
      SELECT due_us / 86400000000, account_id, asset_id, 0, 0, amount FROM funding_payments)
GROUP BY d, account_id, asset_id;

-- Open positions at the last quote's middle, or the last tick.
CREATE VIEW v_exposure AS
SELECT p.account_id, a.mode, v.code AS venue, i.symbol, i.kind, p.qty, p.cost, p.mark,
       p.qty * p.mark * i.contract_size * pow(10.0, -i.price_scale - i.qty_scale - i.contract_scale) AS exposure,
       p.qty * p.mark * i.contract_size * pow(10.0, -i.price_scale - i.qty_scale - i.contract_scale) - p.cost * pow(10.0, -q.scale) AS unrealized
FROM (SELECT positions.*, CAST(coalesce(
        (SELECT (bid_px + ask_px) / 2.0 FROM quotes WHERE quotes.instrument_id = positions.instrument_id
           AND bid_px IS NOT NULL AND ask_px IS NOT NULL ORDER BY ts_us DESC, seq DESC LIMIT 1),
        (SELECT price FROM ticks WHERE ticks.instrument_id = positions.instrument_id ORDER BY ts_us DESC, seq DESC LIMIT 1)) AS REAL) AS mark
      FROM positions WHERE qty <> 0) p
JOIN accounts a USING (account_id) JOIN instruments i USING (instrument_id) JOIN venues v ON v.venue_id = i.venue_id
JOIN assets q ON q.asset_id = i.quote_asset_id;

CREATE VIEW v_fills_by_venue AS
SELECT date(f.exec_us / 1000000, 'unixepoch') AS day, v.code AS venue, a.mode, i.symbol, i.kind,
       count(*) AS fills, count(DISTINCT f.order_id) AS orders, avg(f.liquidity = 'M') AS maker_share,
       total(f.qty) * pow(10.0, -i.qty_scale) AS qty, total(f.notional) * pow(10.0, -q.scale) AS notional, sum(f.synthetic) AS synthetic
FROM fills f JOIN instruments i USING (instrument_id) JOIN venues v USING (venue_id) JOIN accounts a ON a.account_id = f.account_id
JOIN assets q ON q.asset_id = i.quote_asset_id
WHERE f.busted = 0
GROUP BY day, v.venue_id, a.mode, i.instrument_id;

-- migrate:down

DROP VIEW v_fills_by_venue;
DROP VIEW v_exposure;
DROP VIEW v_daily_profit;
