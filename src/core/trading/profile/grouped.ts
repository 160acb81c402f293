/** I01 over views: the fills are added up once, not once for each order. */
export const filledByFills = `
  SELECT 'order ' || o.order_id AS subject, o.order_id AS order_id, o.account_id || '/' || o.instrument_id AS pair
  FROM orders o LEFT JOIN (SELECT order_id, sum(qty) AS qty FROM fills WHERE busted = 0 GROUP BY order_id) n
    ON n.order_id = o.order_id
  WHERE o.filled_qty <> coalesce(n.qty, 0)`;
