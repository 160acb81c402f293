/**
 * A bound value in the queries that run with every order. SQLite is built with STAT4 here, and plans a statement anew at
 * each run when a bound value could sway the plan (joins, ORDER BY along a key): 5 to 15 microseconds, ten times the query
 * itself. A scalar subquery hides the value from the planner; the plan by key stays the same.
 */
export const bound = '(SELECT ?)';
