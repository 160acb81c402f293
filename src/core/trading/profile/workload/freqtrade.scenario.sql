-- scenario: freqtrade
-- transaction: loop  weight: 40  mode: read
SELECT * FROM trades WHERE is_open = 1;
SELECT o.* FROM orders o JOIN trades t ON t.id = o.ft_trade_id WHERE o.ft_is_open = 1;
SELECT * FROM pairlocks WHERE active = 1 AND lock_end_time >= '2024-01-01 00:00:00.000000';
-- transaction: orders-of-trade  weight: 30  mode: read
-- let: recent = zipf(0, 200, 1.1)
SELECT id FROM trades ORDER BY id DESC LIMIT 1 OFFSET :recent;  -- capture: id
SELECT * FROM orders WHERE ft_trade_id = :id ORDER BY id;
-- transaction: order-update  weight: 15
-- let: recent = zipf(0, 200, 1.1)
SELECT id, filled FROM orders ORDER BY id DESC LIMIT 1 OFFSET :recent;  -- capture: id, filled
UPDATE orders SET order_update_date = '2024-06-01 00:00:00.000000', filled = :filled WHERE id = :id;
-- transaction: new-order  weight: 5
-- let: number = sequence(1)   name = text(12)
SELECT max(id) AS trade, pair FROM trades;  -- capture: trade, pair
INSERT INTO orders (ft_trade_id, ft_order_side, ft_pair, ft_is_open, order_id, status, order_type, side, price, amount, filled, remaining, cost, order_date)
  VALUES (:trade, 'buy', :pair, 0, 'load-' || :number || '-' || :name, 'canceled', 'limit', 'buy', 100, 1, 0, 1, 0, '2024-06-01 00:00:00.000000');
-- transaction: profit  weight: 10  mode: read
SELECT sum(close_profit_abs) FROM trades WHERE is_open = 0;
SELECT pair, sum(close_profit) AS profit FROM trades WHERE is_open = 0 GROUP BY pair ORDER BY profit DESC LIMIT 1;
