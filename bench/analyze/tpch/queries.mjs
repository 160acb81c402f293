// The 22 queries of TPC-H in SQLite's SQL, each with a function that draws one set of values as the specification
// substitutes them. Dates are texts; what a query does with them is computed here where SQLite could not search by it.
import { dateText, domain } from './generate.mjs';

const day = (year, month = 1, date = 1) => Date.UTC(year, month - 1, date) / 86_400_000;

/** The first of a month some months later. */
const months = (year, month, later) =>
  dateText(day(year + Math.floor((month - 1 + later) / 12), ((month - 1 + later) % 12) + 1));

export function tpchQueries(chance) {
  const between = (low, high) => low + Math.floor(chance() * (high - low + 1));
  const one = (list) => list[Math.floor(chance() * list.length)];
  const some = (list, count) => {
    const found = new Set();
    while (found.size < count) found.add(one(list));
    return [...found];
  };
  const brand = () => `Brand#${between(1, 5)}${between(1, 5)}`;
  const container = () => domain.containers.map(one).join(' ');
  return [
    [
      'Q1',
      `SELECT l_returnflag, l_linestatus, sum(l_quantity), sum(l_extendedprice), sum(l_extendedprice * (1 - l_discount)),
  sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)), avg(l_quantity), avg(l_extendedprice), avg(l_discount), count(*)
FROM lineitem WHERE l_shipdate <= ? GROUP BY l_returnflag, l_linestatus ORDER BY l_returnflag, l_linestatus`,
      () => [dateText(day(1998, 12, 1) - between(60, 120))],
    ],
    [
      'Q2',
      `SELECT s_acctbal, s_name, n_name, p_partkey, p_mfgr, s_address, s_phone, s_comment
FROM part, supplier, partsupp, nation, region
WHERE p_partkey = ps_partkey AND s_suppkey = ps_suppkey AND p_size = ? AND p_type LIKE ? AND s_nationkey = n_nationkey
  AND n_regionkey = r_regionkey AND r_name = ? AND ps_supplycost = (SELECT min(ps_supplycost)
    FROM partsupp, supplier, nation, region WHERE p_partkey = ps_partkey AND s_suppkey = ps_suppkey
      AND s_nationkey = n_nationkey AND n_regionkey = r_regionkey AND r_name = ?)
ORDER BY s_acctbal DESC, n_name, s_name, p_partkey LIMIT 100`,
      () => {
        const region = one(domain.regions);
        return [between(1, 50), `%${one(domain.types[2])}`, region, region];
      },
    ],
    [
      'Q3',
      `SELECT l_orderkey, sum(l_extendedprice * (1 - l_discount)) AS revenue, o_orderdate, o_shippriority
FROM customer, orders, lineitem
WHERE c_mktsegment = ? AND c_custkey = o_custkey AND l_orderkey = o_orderkey AND o_orderdate < ? AND l_shipdate > ?
GROUP BY l_orderkey, o_orderdate, o_shippriority ORDER BY revenue DESC, o_orderdate LIMIT 10`,
      () => {
        const date = dateText(day(1995, 3, between(1, 31)));
        return [one(domain.segments), date, date];
      },
    ],
    [
      'Q4',
      `SELECT o_orderpriority, count(*) AS order_count FROM orders
WHERE o_orderdate >= ? AND o_orderdate < ? AND EXISTS (SELECT 1 FROM lineitem
  WHERE l_orderkey = o_orderkey AND l_commitdate < l_receiptdate) GROUP BY o_orderpriority ORDER BY o_orderpriority`,
      () => {
        const [year, month] = [between(1993, 1997), between(1, 10)];
        return [months(year, month, 0), months(year, month, 3)];
      },
    ],
    [
      'Q5',
      `SELECT n_name, sum(l_extendedprice * (1 - l_discount)) AS revenue
FROM customer, orders, lineitem, supplier, nation, region
WHERE c_custkey = o_custkey AND l_orderkey = o_orderkey AND l_suppkey = s_suppkey AND c_nationkey = s_nationkey
  AND s_nationkey = n_nationkey AND n_regionkey = r_regionkey AND r_name = ? AND o_orderdate >= ? AND o_orderdate < ?
GROUP BY n_name ORDER BY revenue DESC`,
      () => {
        const year = between(1993, 1997);
        return [one(domain.regions), dateText(day(year)), dateText(day(year + 1))];
      },
    ],
    [
      'Q6',
      `SELECT sum(l_extendedprice * l_discount) AS revenue FROM lineitem
WHERE l_shipdate >= ? AND l_shipdate < ? AND l_discount BETWEEN ? AND ? AND l_quantity < ?`,
      () => {
        const [year, discount] = [between(1993, 1997), between(2, 9)];
        return [
          dateText(day(year)),
          dateText(day(year + 1)),
          (discount - 1) / 100 - 0.001,
          (discount + 1) / 100 + 0.001,
          between(24, 25),
        ];
      },
    ],
    [
      'Q7',
      `SELECT supp_nation, cust_nation, l_year, sum(volume) AS revenue FROM (
  SELECT n1.n_name AS supp_nation, n2.n_name AS cust_nation, substr(l_shipdate, 1, 4) AS l_year,
    l_extendedprice * (1 - l_discount) AS volume
  FROM supplier, lineitem, orders, customer, nation n1, nation n2
  WHERE s_suppkey = l_suppkey AND o_orderkey = l_orderkey AND c_custkey = o_custkey AND s_nationkey = n1.n_nationkey
    AND c_nationkey = n2.n_nationkey AND ((n1.n_name = ? AND n2.n_name = ?) OR (n1.n_name = ? AND n2.n_name = ?))
    AND l_shipdate BETWEEN '1995-01-01' AND '1996-12-31') AS shipping
GROUP BY supp_nation, cust_nation, l_year ORDER BY supp_nation, cust_nation, l_year`,
      () => {
        const [a, b] = some(domain.nations, 2);
        return [a, b, b, a];
      },
    ],
    [
      'Q8',
      `SELECT o_year, sum(CASE WHEN nation = ? THEN volume ELSE 0 END) / sum(volume) AS mkt_share FROM (
  SELECT substr(o_orderdate, 1, 4) AS o_year, l_extendedprice * (1 - l_discount) AS volume, n2.n_name AS nation
  FROM part, supplier, lineitem, orders, customer, nation n1, nation n2, region
  WHERE p_partkey = l_partkey AND s_suppkey = l_suppkey AND l_orderkey = o_orderkey AND o_custkey = c_custkey
    AND c_nationkey = n1.n_nationkey AND n1.n_regionkey = r_regionkey AND r_name = ? AND s_nationkey = n2.n_nationkey
    AND o_orderdate BETWEEN '1995-01-01' AND '1996-12-31' AND p_type = ?) AS all_nations
GROUP BY o_year ORDER BY o_year`,
      () => [one(domain.nations), one(domain.regions), domain.types.map(one).join(' ')],
    ],
    [
      'Q9',
      `SELECT nation, o_year, sum(amount) AS sum_profit FROM (
  SELECT n_name AS nation, substr(o_orderdate, 1, 4) AS o_year,
    l_extendedprice * (1 - l_discount) - ps_supplycost * l_quantity AS amount
  FROM part, supplier, lineitem, partsupp, orders, nation
  WHERE s_suppkey = l_suppkey AND ps_suppkey = l_suppkey AND ps_partkey = l_partkey AND p_partkey = l_partkey
    AND o_orderkey = l_orderkey AND s_nationkey = n_nationkey AND p_name LIKE ?) AS profit
GROUP BY nation, o_year ORDER BY nation, o_year DESC`,
      () => [`%${one(domain.colors)}%`],
    ],
    [
      'Q10',
      `SELECT c_custkey, c_name, sum(l_extendedprice * (1 - l_discount)) AS revenue, c_acctbal, n_name, c_address, c_phone, c_comment
FROM customer, orders, lineitem, nation
WHERE c_custkey = o_custkey AND l_orderkey = o_orderkey AND o_orderdate >= ? AND o_orderdate < ? AND l_returnflag = 'R'
  AND c_nationkey = n_nationkey
GROUP BY c_custkey, c_name, c_acctbal, c_phone, n_name, c_address, c_comment ORDER BY revenue DESC LIMIT 20`,
      () => {
        const at = between(1, 24);
        return [months(1993, 1 + at, 0), months(1993, 1 + at, 3)];
      },
    ],
    [
      'Q11',
      `SELECT ps_partkey, sum(ps_supplycost * ps_availqty) AS value FROM partsupp, supplier, nation
WHERE ps_suppkey = s_suppkey AND s_nationkey = n_nationkey AND n_name = ?
GROUP BY ps_partkey HAVING sum(ps_supplycost * ps_availqty) > (SELECT sum(ps_supplycost * ps_availqty) * 0.001
  FROM partsupp, supplier, nation WHERE ps_suppkey = s_suppkey AND s_nationkey = n_nationkey AND n_name = ?)
ORDER BY value DESC`,
      () => {
        const nation = one(domain.nations);
        return [nation, nation];
      },
    ],
    [
      'Q12',
      `SELECT l_shipmode, sum(CASE WHEN o_orderpriority = '1-URGENT' OR o_orderpriority = '2-HIGH' THEN 1 ELSE 0 END) AS high_line_count,
  sum(CASE WHEN o_orderpriority <> '1-URGENT' AND o_orderpriority <> '2-HIGH' THEN 1 ELSE 0 END) AS low_line_count
FROM orders, lineitem
WHERE o_orderkey = l_orderkey AND l_shipmode IN (?, ?) AND l_commitdate < l_receiptdate AND l_shipdate < l_commitdate
  AND l_receiptdate >= ? AND l_receiptdate < ? GROUP BY l_shipmode ORDER BY l_shipmode`,
      () => {
        const year = between(1993, 1997);
        return [...some(domain.modes, 2), dateText(day(year)), dateText(day(year + 1))];
      },
    ],
    [
      'Q13',
      `SELECT c_count, count(*) AS custdist FROM (SELECT c_custkey, count(o_orderkey) AS c_count
  FROM customer LEFT OUTER JOIN orders ON c_custkey = o_custkey AND o_comment NOT LIKE ? GROUP BY c_custkey) AS c_orders
GROUP BY c_count ORDER BY custdist DESC, c_count DESC`,
      () => [
        `%${one(['special', 'pending', 'unusual', 'express'])}%${one(['packages', 'requests', 'accounts', 'deposits'])}%`,
      ],
    ],
    [
      'Q14',
      `SELECT 100.00 * sum(CASE WHEN p_type LIKE 'PROMO%' THEN l_extendedprice * (1 - l_discount) ELSE 0 END)
  / sum(l_extendedprice * (1 - l_discount)) AS promo_revenue
FROM lineitem, part WHERE l_partkey = p_partkey AND l_shipdate >= ? AND l_shipdate < ?`,
      () => {
        const [year, month] = [between(1993, 1997), between(1, 12)];
        return [months(year, month, 0), months(year, month, 1)];
      },
    ],
    [
      'Q15',
      `WITH revenue(supplier_no, total_revenue) AS (SELECT l_suppkey, sum(l_extendedprice * (1 - l_discount)) FROM lineitem
  WHERE l_shipdate >= ? AND l_shipdate < ? GROUP BY l_suppkey)
SELECT s_suppkey, s_name, s_address, s_phone, total_revenue FROM supplier, revenue
WHERE s_suppkey = supplier_no AND total_revenue = (SELECT max(total_revenue) FROM revenue) ORDER BY s_suppkey`,
      () => {
        const [year, month] = [between(1993, 1997), between(1, 10)];
        return [months(year, month, 0), months(year, month, 3)];
      },
    ],
    [
      'Q16',
      `SELECT p_brand, p_type, p_size, count(DISTINCT ps_suppkey) AS supplier_cnt FROM partsupp, part
WHERE p_partkey = ps_partkey AND p_brand <> ? AND p_type NOT LIKE ? AND p_size IN (?, ?, ?, ?, ?, ?, ?, ?)
  AND ps_suppkey NOT IN (SELECT s_suppkey FROM supplier WHERE s_comment LIKE '%Customer%Complaints%')
GROUP BY p_brand, p_type, p_size ORDER BY supplier_cnt DESC, p_brand, p_type, p_size`,
      () => [
        brand(),
        `${one(domain.types[0])} ${one(domain.types[1])}%`,
        ...some(
          Array.from({ length: 50 }, (_, at) => at + 1),
          8,
        ),
      ],
    ],
    [
      'Q17',
      `SELECT sum(l_extendedprice) / 7.0 AS avg_yearly FROM lineitem, part
WHERE p_partkey = l_partkey AND p_brand = ? AND p_container = ?
  AND l_quantity < (SELECT 0.2 * avg(l_quantity) FROM lineitem WHERE l_partkey = p_partkey)`,
      () => [brand(), container()],
    ],
    [
      'Q18',
      `SELECT c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice, sum(l_quantity) FROM customer, orders, lineitem
WHERE o_orderkey IN (SELECT l_orderkey FROM lineitem GROUP BY l_orderkey HAVING sum(l_quantity) > ?)
  AND c_custkey = o_custkey AND o_orderkey = l_orderkey
GROUP BY c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice ORDER BY o_totalprice DESC, o_orderdate LIMIT 100`,
      () => [between(312, 315)],
    ],
    [
      'Q19',
      `SELECT sum(l_extendedprice * (1 - l_discount)) AS revenue FROM lineitem, part
WHERE (p_partkey = l_partkey AND p_brand = ? AND p_container IN ('SM CASE', 'SM BOX', 'SM PACK', 'SM PKG')
    AND l_quantity >= ? AND l_quantity <= ? AND p_size BETWEEN 1 AND 5 AND l_shipmode IN ('AIR', 'REG AIR')
    AND l_shipinstruct = 'DELIVER IN PERSON')
  OR (p_partkey = l_partkey AND p_brand = ? AND p_container IN ('MED BAG', 'MED BOX', 'MED PKG', 'MED PACK')
    AND l_quantity >= ? AND l_quantity <= ? AND p_size BETWEEN 1 AND 10 AND l_shipmode IN ('AIR', 'REG AIR')
    AND l_shipinstruct = 'DELIVER IN PERSON')
  OR (p_partkey = l_partkey AND p_brand = ? AND p_container IN ('LG CASE', 'LG BOX', 'LG PACK', 'LG PKG')
    AND l_quantity >= ? AND l_quantity <= ? AND p_size BETWEEN 1 AND 15 AND l_shipmode IN ('AIR', 'REG AIR')
    AND l_shipinstruct = 'DELIVER IN PERSON')`,
      () => {
        const [a, b, c] = [between(1, 10), between(10, 20), between(20, 30)];
        return [brand(), a, a + 10, brand(), b, b + 10, brand(), c, c + 10];
      },
    ],
    [
      'Q20',
      `SELECT s_name, s_address FROM supplier, nation
WHERE s_suppkey IN (SELECT ps_suppkey FROM partsupp
    WHERE ps_partkey IN (SELECT p_partkey FROM part WHERE p_name LIKE ?)
      AND ps_availqty > (SELECT 0.5 * sum(l_quantity) FROM lineitem WHERE l_partkey = ps_partkey AND l_suppkey = ps_suppkey
        AND l_shipdate >= ? AND l_shipdate < ?))
  AND s_nationkey = n_nationkey AND n_name = ? ORDER BY s_name`,
      () => {
        const year = between(1993, 1997);
        return [`${one(domain.colors)}%`, dateText(day(year)), dateText(day(year + 1)), one(domain.nations)];
      },
    ],
    [
      'Q21',
      `SELECT s_name, count(*) AS numwait FROM supplier, lineitem l1, orders, nation
WHERE s_suppkey = l1.l_suppkey AND o_orderkey = l1.l_orderkey AND o_orderstatus = 'F' AND l1.l_receiptdate > l1.l_commitdate
  AND EXISTS (SELECT 1 FROM lineitem l2 WHERE l2.l_orderkey = l1.l_orderkey AND l2.l_suppkey <> l1.l_suppkey)
  AND NOT EXISTS (SELECT 1 FROM lineitem l3 WHERE l3.l_orderkey = l1.l_orderkey AND l3.l_suppkey <> l1.l_suppkey
    AND l3.l_receiptdate > l3.l_commitdate)
  AND s_nationkey = n_nationkey AND n_name = ? GROUP BY s_name ORDER BY numwait DESC, s_name LIMIT 100`,
      () => [one(domain.nations)],
    ],
    [
      'Q22',
      `SELECT cntrycode, count(*) AS numcust, sum(c_acctbal) AS totacctbal FROM (
  SELECT substr(c_phone, 1, 2) AS cntrycode, c_acctbal FROM customer
  WHERE substr(c_phone, 1, 2) IN (?, ?, ?, ?, ?, ?, ?) AND c_acctbal > (SELECT avg(c_acctbal) FROM customer
      WHERE c_acctbal > 0.00 AND substr(c_phone, 1, 2) IN (?, ?, ?, ?, ?, ?, ?))
    AND NOT EXISTS (SELECT 1 FROM orders WHERE o_custkey = c_custkey)) AS custsale
GROUP BY cntrycode ORDER BY cntrycode`,
      () => {
        const codes = some(
          Array.from({ length: 25 }, (_, at) => String(at + 10)),
          7,
        );
        return [...codes, ...codes];
      },
    ],
  ];
}
