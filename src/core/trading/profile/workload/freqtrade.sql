-- What a freqtrade bot and its web interface ask all day; weights are executions in a day of a bot that loops every 5 s.
-- @period 1d

-- @name open trades
-- @weight 17280
SELECT * FROM trades WHERE is_open = 1;

-- @name orders of a trade
-- @weight 50000
SELECT * FROM orders WHERE ft_trade_id = (SELECT max(id) FROM trades) ORDER BY id;

-- @name open orders
-- @weight 17280
SELECT o.* FROM orders o JOIN trades t ON t.id = o.ft_trade_id WHERE o.ft_is_open = 1;

-- @name order by venue id
-- @weight 2000
SELECT * FROM orders WHERE order_id = (SELECT order_id FROM orders ORDER BY id DESC LIMIT 1);

-- @name profit of closed trades
-- @weight 2880
SELECT sum(close_profit_abs) FROM trades WHERE is_open = 0;

-- @name closed since
-- @weight 1440
SELECT id, close_profit_abs FROM trades
WHERE is_open = 0 AND close_date >= (SELECT datetime(max(close_date), '-1 day') FROM trades) ORDER BY close_date;

-- @name volume since
-- @weight 288
SELECT sum(cost) FROM orders
WHERE status = 'closed' AND order_filled_date >= (SELECT datetime(max(order_filled_date), '-1 day') FROM orders);

-- @name best pair
-- @weight 288
SELECT pair, sum(close_profit) AS profit FROM trades WHERE is_open = 0 GROUP BY pair ORDER BY profit DESC LIMIT 1;

-- @name trades of a pair
-- @weight 5000
SELECT * FROM trades WHERE pair = (SELECT pair FROM trades ORDER BY id DESC LIMIT 1) AND is_open = 1;

-- @name locks that hold
-- @weight 17280
SELECT * FROM pairlocks WHERE active = 1 AND lock_end_time >= (SELECT max(lock_time) FROM pairlocks);
