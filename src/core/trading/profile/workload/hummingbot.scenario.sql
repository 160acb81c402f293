-- scenario: hummingbot
-- transaction: new-order  weight: 30
-- let: number = sequence(1)   name = text(12)
INSERT INTO "Order" (id, config_file_path, strategy, market, symbol, creation_timestamp, order_type, amount, leverage, price, last_status, last_update_timestamp)
  VALUES ('load-' || :number || '-' || :name, 'load', 'load', 'load', 'BTC-USDT', 1700000000000 + :number, 'LIMIT', 1000000, 1, 100000000, 'OrderCancelled', 1700000000000 + :number);
INSERT INTO OrderStatus (order_id, timestamp, status) VALUES ('load-' || :number || '-' || :name, 1700000000000 + :number, 'BuyOrderCreated');
INSERT INTO OrderStatus (order_id, timestamp, status) VALUES ('load-' || :number || '-' || :name, 1700000000000 + :number, 'OrderCancelled');
-- transaction: order-by-id  weight: 40  mode: read
-- let: recent = zipf(0, 200, 1.1)
SELECT id FROM "Order" ORDER BY rowid DESC LIMIT 1 OFFSET :recent;  -- capture: id
SELECT * FROM "Order" WHERE id = :id;
SELECT * FROM OrderStatus WHERE order_id = :id ORDER BY timestamp;
-- transaction: last-fills  weight: 10  mode: read
SELECT * FROM TradeFill WHERE config_file_path = (SELECT config_file_path FROM TradeFill LIMIT 1) ORDER BY timestamp DESC LIMIT 2000;
-- transaction: market-state  weight: 20
SELECT config_file_path AS config, market FROM MarketState LIMIT 1;  -- capture: config, market
SELECT * FROM MarketState WHERE config_file_path = :config AND market = :market;
UPDATE MarketState SET timestamp = timestamp + 1 WHERE config_file_path = :config AND market = :market;
