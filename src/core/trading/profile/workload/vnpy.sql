-- What vn.py asks and writes; weights are executions in a day with a recorder and a few backtests.
-- @period 1d

-- @name bar range
-- @weight 50
SELECT * FROM dbbardata
WHERE symbol = (SELECT symbol FROM dbbardata LIMIT 1) AND exchange = (SELECT exchange FROM dbbardata LIMIT 1) AND interval = '1m'
  AND datetime >= (SELECT min(datetime) FROM dbbardata) AND datetime <= (SELECT max(datetime) FROM dbbardata) ORDER BY datetime;

-- @name tick range
-- @weight 20
SELECT * FROM dbtickdata
WHERE symbol = (SELECT symbol FROM dbtickdata LIMIT 1) AND exchange = (SELECT exchange FROM dbtickdata LIMIT 1)
  AND datetime >= (SELECT min(datetime) FROM dbtickdata) AND datetime <= (SELECT max(datetime) FROM dbtickdata) ORDER BY datetime;

-- @name count after a save
-- @weight 1440
SELECT count(*) FROM dbbardata
WHERE symbol = (SELECT symbol FROM dbbardata LIMIT 1) AND exchange = (SELECT exchange FROM dbbardata LIMIT 1) AND interval = '1m';

-- @name bar overviews
-- @weight 100
SELECT * FROM dbbaroverview;

-- @name save an overview
-- @weight 1440
UPDATE dbbaroverview SET count = count
WHERE symbol = (SELECT symbol FROM dbbaroverview LIMIT 1) AND exchange = (SELECT exchange FROM dbbaroverview LIMIT 1) AND interval = '1m';
