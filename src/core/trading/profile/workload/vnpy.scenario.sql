-- scenario: vnpy
-- transaction: save-bars  weight: 30
-- let: number = sequence(1)   name = text(12)
REPLACE INTO dbbardata (symbol, exchange, datetime, interval, volume, turnover, open_interest, open_price, high_price, low_price, close_price)
  VALUES ('load-' || :name, 'SHFE', '2024-06-01 09:00:00', '1m', 5, 0, 0, 10, 11, 9, 10);
SELECT count(*) AS bars FROM dbbardata WHERE symbol = 'load-' || :name AND exchange = 'SHFE' AND interval = '1m';  -- capture: bars
INSERT INTO dbbaroverview (symbol, exchange, interval, count, start, "end")
  VALUES ('load-' || :name, 'SHFE', '1m', :bars, '2024-06-01 09:00:00', '2024-06-01 09:00:00');
-- transaction: bar-range  weight: 40  mode: read
SELECT symbol, exchange FROM dbbaroverview LIMIT 1;  -- capture: symbol, exchange
SELECT * FROM dbbardata WHERE symbol = :symbol AND exchange = :exchange AND interval = '1m' ORDER BY datetime LIMIT 500;
-- transaction: overviews  weight: 10  mode: read
SELECT * FROM dbbaroverview;
-- transaction: tick-range  weight: 20  mode: read
SELECT symbol, exchange FROM dbtickoverview LIMIT 1;  -- capture: symbol, exchange
SELECT * FROM dbtickdata WHERE symbol = :symbol AND exchange = :exchange ORDER BY datetime LIMIT 500;
