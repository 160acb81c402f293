-- What Hummingbot asks and writes; weights are executions in a day of one market-making script.
-- @period 1d

-- @name last fills of a config
-- @weight 1440
SELECT * FROM TradeFill WHERE config_file_path = (SELECT config_file_path FROM TradeFill LIMIT 1) ORDER BY timestamp DESC LIMIT 2000;

-- @name orders with a venue id
-- @weight 24
SELECT * FROM "Order"
WHERE config_file_path = (SELECT config_file_path FROM "Order" LIMIT 1) AND exchange_order_id IS NOT NULL
ORDER BY creation_timestamp;

-- @name order by id
-- @weight 20000
SELECT * FROM "Order" WHERE id = (SELECT max(id) FROM "Order");

-- @name life of an order
-- @weight 20000
SELECT * FROM OrderStatus WHERE order_id = (SELECT max(order_id) FROM OrderStatus) ORDER BY timestamp;

-- @name market state
-- @weight 1440
SELECT * FROM MarketState
WHERE config_file_path = (SELECT config_file_path FROM MarketState LIMIT 1) AND market = (SELECT market FROM MarketState LIMIT 1);

-- @name save market state
-- @weight 1440
UPDATE MarketState SET timestamp = timestamp
WHERE config_file_path = (SELECT config_file_path FROM MarketState LIMIT 1) AND market = (SELECT market FROM MarketState LIMIT 1);
