// A database like that of TPC-H at a scale factor: the eight tables with their keys, sizes and value ranges of the
// specification, generated from a seed. Not the official generator: figures compare sides of one run only.
const regions = ['AFRICA', 'AMERICA', 'ASIA', 'EUROPE', 'MIDDLE EAST'];
const nations =
  'ALGERIA:0,ARGENTINA:1,BRAZIL:1,CANADA:1,EGYPT:4,ETHIOPIA:0,FRANCE:3,GERMANY:3,INDIA:2,INDONESIA:2,IRAN:4,IRAQ:4,JAPAN:2,JORDAN:4,KENYA:0,MOROCCO:0,MOZAMBIQUE:0,PERU:1,CHINA:2,ROMANIA:3,SAUDI ARABIA:4,VIETNAM:2,RUSSIA:3,UNITED KINGDOM:3,UNITED STATES:1'
    .split(',')
    .map((one) => one.split(':'));
const segments = ['AUTOMOBILE', 'BUILDING', 'FURNITURE', 'MACHINERY', 'HOUSEHOLD'];
const priorities = ['1-URGENT', '2-HIGH', '3-MEDIUM', '4-NOT SPECIFIED', '5-LOW'];
const instructions = ['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'];
const modes = ['REG AIR', 'AIR', 'RAIL', 'SHIP', 'TRUCK', 'MAIL', 'FOB'];
const types = [
  ['STANDARD', 'SMALL', 'MEDIUM', 'LARGE', 'ECONOMY', 'PROMO'],
  ['ANODIZED', 'BURNISHED', 'PLATED', 'POLISHED', 'BRUSHED'],
  ['TIN', 'NICKEL', 'BRASS', 'STEEL', 'COPPER'],
];
const containers = [
  ['SM', 'LG', 'MED', 'JUMBO', 'WRAP'],
  ['CASE', 'BOX', 'BAG', 'JAR', 'PKG', 'PACK', 'CAN', 'DRUM'],
];
const colors =
  'almond,antique,aquamarine,azure,beige,bisque,black,blanched,blue,blush,brown,burlywood,burnished,chartreuse,chiffon,chocolate,coral,cornflower,cream,cyan,dark,deep,dim,dodger,drab,firebrick,floral,forest,frosted,gainsboro,ghost,goldenrod,green,grey,honeydew,hot,indian,ivory,khaki,lace,lavender,lawn,lemon,light,lime,linen,magenta,maroon,medium,metallic,midnight,mint,misty,moccasin,navajo,navy,olive,orange,orchid,pale,papaya,peach,peru,pink,plum,powder,puff,purple,red,rose,rosy,royal,saddle,salmon,sandy,seashell,sienna,sky,slate,smoke,snow,spring,steel,tan,thistle,tomato,turquoise,violet,wheat,white,yellow'.split(
    ',',
  );
const words =
  'furiously,sly,careful,blithely,quick,fluffily,slow,quiet,ruthless,thin,close,dogged,daring,bold,ironic,final,regular,special,pending,express,unusual,even,silent,foxes,ideas,theodolites,pinto beans,instructions,dependencies,excuses,platelets,asymptotes,courts,dolphins,multipliers,sauternes,warthogs,frets,dinos,attainments,requests,deposits,packages,accounts,sleep,wake,are,cajole,haggle,nag,use,boost,affix,detect,integrate'.split(
    ',',
  );

export const schema = `
CREATE TABLE region(r_regionkey INTEGER PRIMARY KEY, r_name TEXT NOT NULL, r_comment TEXT);
CREATE TABLE nation(n_nationkey INTEGER PRIMARY KEY, n_name TEXT NOT NULL, n_regionkey INTEGER NOT NULL, n_comment TEXT);
CREATE TABLE supplier(s_suppkey INTEGER PRIMARY KEY, s_name TEXT NOT NULL, s_address TEXT NOT NULL, s_nationkey INTEGER NOT NULL,
  s_phone TEXT NOT NULL, s_acctbal REAL NOT NULL, s_comment TEXT NOT NULL);
CREATE TABLE customer(c_custkey INTEGER PRIMARY KEY, c_name TEXT NOT NULL, c_address TEXT NOT NULL, c_nationkey INTEGER NOT NULL,
  c_phone TEXT NOT NULL, c_acctbal REAL NOT NULL, c_mktsegment TEXT NOT NULL, c_comment TEXT NOT NULL);
CREATE TABLE part(p_partkey INTEGER PRIMARY KEY, p_name TEXT NOT NULL, p_mfgr TEXT NOT NULL, p_brand TEXT NOT NULL,
  p_type TEXT NOT NULL, p_size INTEGER NOT NULL, p_container TEXT NOT NULL, p_retailprice REAL NOT NULL, p_comment TEXT NOT NULL);
CREATE TABLE partsupp(ps_partkey INTEGER NOT NULL, ps_suppkey INTEGER NOT NULL, ps_availqty INTEGER NOT NULL,
  ps_supplycost REAL NOT NULL, ps_comment TEXT NOT NULL, PRIMARY KEY(ps_partkey, ps_suppkey));
CREATE TABLE orders(o_orderkey INTEGER PRIMARY KEY, o_custkey INTEGER NOT NULL, o_orderstatus TEXT NOT NULL,
  o_totalprice REAL NOT NULL, o_orderdate TEXT NOT NULL, o_orderpriority TEXT NOT NULL, o_clerk TEXT NOT NULL,
  o_shippriority INTEGER NOT NULL, o_comment TEXT NOT NULL);
CREATE TABLE lineitem(l_orderkey INTEGER NOT NULL, l_partkey INTEGER NOT NULL, l_suppkey INTEGER NOT NULL,
  l_linenumber INTEGER NOT NULL, l_quantity REAL NOT NULL, l_extendedprice REAL NOT NULL, l_discount REAL NOT NULL,
  l_tax REAL NOT NULL, l_returnflag TEXT NOT NULL, l_linestatus TEXT NOT NULL, l_shipdate TEXT NOT NULL,
  l_commitdate TEXT NOT NULL, l_receiptdate TEXT NOT NULL, l_shipinstruct TEXT NOT NULL, l_shipmode TEXT NOT NULL,
  l_comment TEXT NOT NULL, PRIMARY KEY(l_orderkey, l_linenumber));`;

const firstDay = Date.UTC(1992, 0, 1) / 86_400_000;
const lastOrderDay = Date.UTC(1998, 7, 2) / 86_400_000;
const currentDay = Date.UTC(1995, 5, 17) / 86_400_000;
const days = new Map();

/** `YYYY-MM-DD` of a day number. */
export function dateText(day) {
  let text = days.get(day);
  if (text === undefined) {
    text = new Date(day * 86_400_000).toISOString().slice(0, 10);
    days.set(day, text);
  }
  return text;
}

/** Chance, uniform in [0, 1), as functions of the ranges that the specification speaks of. */
function drawing(chance) {
  const between = (low, high) => low + Math.floor(chance() * (high - low + 1));
  const one = (list) => list[Math.floor(chance() * list.length)];
  const text = (low, high) => {
    const length = between(low, high);
    let made = one(words);
    while (made.length < length) made += ` ${one(words)}`;
    return made.slice(0, length);
  };
  const money = (low, high) => between(low * 100, high * 100) / 100;
  const phone = (nation) => `${nation + 10}-${between(100, 999)}-${between(100, 999)}-${between(1000, 9999)}`;
  return { between, one, text, money, phone };
}

/** Fills an empty database; `run(sql)` executes and `insert(table, columns)` gives a function that adds a row. */
export function fillTpch(db, scale, chance) {
  db.exec(schema);
  const counts = {
    supplier: Math.round(10_000 * scale),
    customer: Math.round(150_000 * scale),
    part: Math.round(200_000 * scale),
    orders: Math.round(1_500_000 * scale),
  };
  const insert = (table, columns) => {
    const statement = db.prepare(`INSERT INTO ${table} VALUES (${Array(columns).fill('?').join(', ')})`);
    return (...row) => statement.run(row);
  };
  db.exec('BEGIN');
  fillSmall(insert, counts, drawing(chance));
  fillParts(insert, counts, drawing(chance));
  fillOrders(insert, counts, drawing(chance));
  db.exec('COMMIT');
}

function fillSmall(insert, counts, { between, text, money, phone, one }) {
  const region = insert('region', 3);
  for (const [key, name] of regions.entries()) region(key, name, text(31, 115));
  const nation = insert('nation', 4);
  for (const [key, [name, regionKey]] of nations.entries()) nation(key, name, Number(regionKey), text(31, 114));
  const supplier = insert('supplier', 7);
  for (let key = 1; key <= counts.supplier; key++) {
    const home = between(0, 24);
    // Ten of 10,000 suppliers have complaints.
    const comment = key % 1000 === 7 ? `${text(10, 30)} Customer ${text(4, 12)} Complaints` : text(25, 100);
    supplier(
      key,
      `Supplier#${String(key).padStart(9, '0')}`,
      text(10, 40),
      home,
      phone(home),
      money(-999, 9999),
      comment,
    );
  }
  const customer = insert('customer', 8);
  for (let key = 1; key <= counts.customer; key++) {
    const home = between(0, 24);
    customer(
      key,
      `Customer#${String(key).padStart(9, '0')}`,
      text(10, 40),
      home,
      phone(home),
      money(-999, 9999),
      one(segments),
      text(29, 116),
    );
  }
}

const priceOf = (part) => (90_000 + ((part / 10) % 20_001) + 100 * (part % 1000)) / 100;

/** One of the four suppliers of a part. */
const supplierOf = (part, which, suppliers) =>
  (((part + which * (suppliers / 4 + (part - 1) / suppliers)) % suppliers) | 0) + 1;

function fillParts(insert, counts, { between, text, money, one }) {
  const part = insert('part', 9);
  const partsupp = insert('partsupp', 5);
  for (let key = 1; key <= counts.part; key++) {
    const maker = between(1, 5);
    const names = new Set();
    while (names.size < 5) names.add(one(colors));
    part(
      key,
      [...names].join(' '),
      `Manufacturer#${maker}`,
      `Brand#${maker}${between(1, 5)}`,
      types.map(one).join(' '),
      between(1, 50),
      containers.map(one).join(' '),
      priceOf(key),
      text(5, 22),
    );
    const suppliers = new Set([0, 1, 2, 3].map((which) => supplierOf(key, which, counts.supplier)));
    for (const supplier of suppliers) partsupp(key, supplier, between(1, 9999), money(1, 1000), text(49, 198));
  }
}

function fillOrders(insert, counts, { between, text, one }) {
  const order = insert('orders', 9);
  const lineitem = insert('lineitem', 16);
  for (let number = 0; number < counts.orders; number++) {
    // Of 32 keys the first 8 are used.
    const key = Math.floor(number / 8) * 32 + (number % 8) + 1;
    // A third of the customers never orders.
    let customer = between(1, counts.customer);
    if (customer % 3 === 0) customer = customer === 1 ? 2 : customer - 1;
    const day = between(firstDay, lastOrderDay - 151);
    const lines = between(1, 7);
    let total = 0;
    let shipped = 0;
    for (let line = 1; line <= lines; line++) {
      const part = between(1, counts.part);
      const quantity = between(1, 50);
      const price = Math.round(quantity * priceOf(part) * 100) / 100;
      const discount = between(0, 10) / 100;
      const tax = between(0, 8) / 100;
      const ship = day + between(1, 121);
      const receipt = ship + between(1, 30);
      if (ship <= currentDay) shipped += 1;
      total += price * (1 + tax) * (1 - discount);
      lineitem(
        key,
        part,
        supplierOf(part, between(0, 3), counts.supplier),
        line,
        quantity,
        price,
        discount,
        tax,
        receipt <= currentDay ? one(['R', 'A']) : 'N',
        ship > currentDay ? 'O' : 'F',
        dateText(ship),
        dateText(day + between(30, 90)),
        dateText(receipt),
        one(instructions),
        one(modes),
        text(10, 43),
      );
    }
    const status = shipped === lines ? 'F' : shipped === 0 ? 'O' : 'P';
    const clerk = `Clerk#${String(between(1, Math.max(1, counts.orders / 1500))).padStart(9, '0')}`;
    order(key, customer, status, Math.round(total * 100) / 100, dateText(day), one(priorities), clerk, 0, text(19, 78));
  }
}

export const domain = { regions, nations: nations.map(([name]) => name), segments, modes, types, containers, colors };
