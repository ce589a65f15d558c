/*-------------------------------------------------------------------------
 *
 * rows.h
 *		Statements of the worker, and batches of rows as their parameters.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_ROWS_H
#define EXTSCHED_ROWS_H

#include "executor/spi.h"

#include "core/runkey.h"

/* The tables whose rows are passed as parameters. */
typedef enum ExtschedTable
{
	EXTSCHED_TABLE_RUN,
	EXTSCHED_TABLE_TIMER,
} ExtschedTable;

#define EXTSCHED_TABLES		(EXTSCHED_TABLE_TIMER + 1)

/* Most parameters a statement has. */
#define EXTSCHED_STMT_ARGS	8

/*
 * A fixed statement.  In the types of its parameters RUNS and TIMERS stand for
 * arrays of rows of these tables.  A statement on a leaf has "%s" where the
 * two digits of a partition belong, and one plan for each.
 *
 * Where Citus has distributed the tables, EXTSCHED_OF_TENANT(t) restricts table
 * t to one tenant, which is the last parameter; elsewhere it is nothing.  A
 * statement that needs another form there has it as distributed_sql, with the
 * same parameters and columns.
 */
#define EXTSCHED_RUNS_ARG	((Oid) 1)
#define EXTSCHED_TIMERS_ARG ((Oid) 2)
#define EXTSCHED_OF_TENANT(t)	"[" t "]"

/* Whether the tenant of row e belongs to worker $number of $total. */
#define EXTSCHED_IS_MINE(number, total) \
	" ($" CppAsString(total) " = 1 OR (pg_catalog.hashtext(e.tenant_id) & 2147483647)" \
	" % $" CppAsString(total) " = $" CppAsString(number) ")"

typedef struct ExtschedStmt
{
	const char *sql;
	const char *distributed_sql;
	int			expected;		/* SPI_OK_... */
	int			nargs;
	Oid			types[EXTSCHED_STMT_ARGS];
	int			generation;		/* of the tables the plans were made for */
	SPIPlanPtr	plan;
	SPIPlanPtr	leaf_plans[EXTSCHED_RING_SLOTS];
} ExtschedStmt;

/* Columns of extsched.run that the worker writes, by index from 0. */
#define EXTSCHED_RUN_COLUMNS(X) \
	X(tenant_id) X(schedule_id) X(nominal_time) X(trigger) X(slot) X(run_id) \
	X(install_id) X(runner) X(state) X(reason) X(attempt) X(waits_for_slot) \
	X(ready_at) X(created_at) X(dispatched_at) X(attempt_at) X(finished_at) \
	X(lease_id) X(lease_owner) X(lease_expires_at) X(http_status) X(error) \
	X(response_excerpt) X(request_id) X(missed_count) X(missed_first) \
	X(registry_id) X(version_id) X(content_hash) X(schedule_name) \
	X(endpoint_method) X(endpoint_path)

/* Columns of extsched.timer, the same. */
#define EXTSCHED_TIMER_COLUMNS(X) \
	X(tenant_id) X(schedule_id) X(next_due) X(in_flight) \
	X(consecutive_failures) X(is_paused) X(pause_reason) X(paused_at) \
	X(quarantine_reason) X(succeeded_total) X(failed_total) X(last_run_at) \
	X(last_run_status) X(last_error) X(last_success_at)

#define EXTSCHED_COLUMN_INDEX(name) int name;

extern struct ExtschedRunColumns
{
	EXTSCHED_RUN_COLUMNS(EXTSCHED_COLUMN_INDEX)
}			extsched_run_column;

extern struct ExtschedTimerColumns
{
	EXTSCHED_TIMER_COLUMNS(EXTSCHED_COLUMN_INDEX)
}			extsched_timer_column;

extern void extsched_rows_open(void);
extern bool extsched_rows_distributed(void);
extern bool extsched_rows_is_mine(const char *tenant, int number, int total);

extern void extsched_stmt_plan(ExtschedStmt *stmt, int leaf);
extern uint64 extsched_stmt_run(ExtschedStmt *stmt, Datum *values,
								const char *nulls);
extern uint64 extsched_stmt_run_on_leaf(ExtschedStmt *stmt, int leaf,
										Datum *values, const char *nulls);

/* Rows of one table, to be passed as an array. */
typedef struct ExtschedRows
{
	ExtschedTable table;
	int			n;
	int			capacity;
	Datum	   *tuples;
	Datum	   *values;			/* the row being made ... */
	bool	   *nulls;			/* ... all NULL at first */
} ExtschedRows;

extern void extsched_rows_init(ExtschedRows *rows, ExtschedTable table,
							   int capacity);
extern void extsched_rows_set(ExtschedRows *rows, int column, Datum value);
extern void extsched_rows_set_text(ExtschedRows *rows, int column, const char *text);
extern void extsched_rows_set_uuid(ExtschedRows *rows, int column, const pg_uuid_t *uuid);
extern void extsched_rows_set_time(ExtschedRows *rows, int column, TimestampTz at);
extern void extsched_rows_add(ExtschedRows *rows);
extern Datum extsched_rows_array(const ExtschedRows *rows);
extern Datum extsched_rows_texts(Datum *texts, int n);

extern void *extsched_batch_grow(void *items, Size item_size, int n, int *capacity,
								 int more);

#endif							/* EXTSCHED_ROWS_H */
