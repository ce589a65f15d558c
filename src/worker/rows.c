/*-------------------------------------------------------------------------
 *
 * rows.c
 *		Statements of the worker, and batches of rows as their parameters.
 *
 * The worker reads and writes in batches: one statement takes some hundred
 * rows.  They are passed as one array of rows of the table itself.  An array
 * for each column, as unnest() takes them too, makes the executor keep as many
 * streams as there are columns, which costs more than writing the row.
 *
 * A history partition is written by its own name.  Through the parent the
 * server would open and lock all 32 partitions with all their indexes for each
 * statement, and a batch belongs to one or two.
 *
 * Plans hold OIDs of row types, so they die with the extension.  When the
 * tables turn out to be others than before, all plans are made anew.
 *
 * Citus locks rows, and recurses, within the shard of one tenant only.  Where
 * it has distributed the tables, statements that do either are others, and who
 * calls them has batches of one tenant.  Citus sees the shard only when it plans
 * with the values at hand; elsewhere a plan is made once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/resowner.h"
#include "utils/typcache.h"

#include "worker/rows.h"

typedef struct TableRows
{
	const char *name;
	Oid			relation;
	Oid			row_type;
	Oid			array_type;
	TupleDesc	desc;			/* lives as long as the process */
} TableRows;

static TableRows tables[EXTSCHED_TABLES] = {
	[EXTSCHED_TABLE_RUN] = {.name = "run"},
	[EXTSCHED_TABLE_TIMER] = {.name = "timer"},
};

struct ExtschedRunColumns extsched_run_column;
struct ExtschedTimerColumns extsched_timer_column;

/* Raised when the tables are not those that were known before. */
static int	generation = 0;

static bool is_distributed = false;

static Oid
find_table(const char *name)
{
	Oid			schema = get_namespace_oid("extsched", true);

	return OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
}

static int
column_index(ExtschedTable table, const char *name)
{
	int			attnum = SPI_fnumber(tables[table].desc, name);

	if (attnum <= 0)
		elog(ERROR, "table \"extsched.%s\" has no column \"%s\"",
			 tables[table].name, name);
	return attnum - 1;
}

static void
find_columns(void)
{
#define FIND(name) \
	extsched_run_column.name = column_index(EXTSCHED_TABLE_RUN, #name);
	EXTSCHED_RUN_COLUMNS(FIND)
#undef FIND
#define FIND(name) \
	extsched_timer_column.name = column_index(EXTSCHED_TABLE_TIMER, #name);
	EXTSCHED_TIMER_COLUMNS(FIND)
#undef FIND
}

/* Whether Citus is there, and spreads our tables. */
static bool
find_distribution(void)
{
	Oid			type = REGCLASSOID;
	Datum		table;

	if (!OidIsValid(get_relname_relid("pg_dist_partition", PG_CATALOG_NAMESPACE)))
		return false;
	table = ObjectIdGetDatum(tables[EXTSCHED_TABLE_TIMER].relation);
	if (SPI_execute_with_args("SELECT FROM pg_catalog.pg_dist_partition"
							  " WHERE logicalrelid = $1 AND partmethod = 'h'",
							  1, &type, &table, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not look into pg_dist_partition");
	return SPI_processed > 0;
}

/*
 * extsched_rows_distributed
 *		True if the tables of tenants are spread over a Citus cluster: then a
 *		statement that locks or writes is for one tenant.
 */
bool
extsched_rows_distributed(void)
{
	return is_distributed;
}

/*
 * extsched_rows_is_mine
 *		EXTSCHED_IS_MINE of a tenant; false for a worker that is one too many.
 */
bool
extsched_rows_is_mine(const char *tenant, int number, int total)
{
	Datum		hash = DirectFunctionCall1Coll(hashtext, DEFAULT_COLLATION_OID,
											   CStringGetTextDatum(tenant));

	return (DatumGetInt32(hash) & PG_INT32_MAX) % total == number;
}

/*
 * extsched_rows_open
 *		Find the tables, in a transaction and SPI_connect.
 *
 * To be called in each transaction before anything else here.  Fails with 42P01 where the extension is not.
 */
void
extsched_rows_open(void)
{
	bool		has_changed = false;
	bool		was_distributed = is_distributed;

	for (int i = 0; i < EXTSCHED_TABLES; i++)
	{
		TableRows  *table = &tables[i];
		Oid			relation = find_table(table->name);
		MemoryContext old;
		TupleDesc	desc;

		if (!OidIsValid(relation))
			ereport(ERROR,
					errcode(ERRCODE_UNDEFINED_TABLE),
					errmsg("table \"extsched.%s\" does not exist", table->name));
		if (relation == table->relation)
			continue;
		table->row_type = get_rel_type_id(relation);
		table->array_type = get_array_type(table->row_type);
		desc = lookup_rowtype_tupdesc(table->row_type, -1);
		old = MemoryContextSwitchTo(TopMemoryContext);
		table->desc = CreateTupleDescCopy(desc);
		MemoryContextSwitchTo(old);
		ReleaseTupleDesc(desc);
		table->relation = relation;
		has_changed = true;
	}
	if (has_changed)
	{
		find_columns();
		generation++;
	}
	is_distributed = find_distribution();
	if (is_distributed != was_distributed)
		generation++;
}

/* The statement for these tables; digits are those of its leaf, if it has one. */
static char *
sql_of(const ExtschedStmt *stmt, const char *digits)
{
	const char *sql = is_distributed && stmt->distributed_sql != NULL ? stmt->distributed_sql : stmt->sql;
	StringInfoData text;

	initStringInfo(&text);
	for (const char *at = sql; *at != '\0'; at++)
	{
		if (*at == '[')
		{
			int			len = strcspn(++at, "]");

			if (is_distributed)
				appendStringInfo(&text, " AND %.*s.tenant_id = $%d", len, at, stmt->nargs);
			at += len;
		}
		else if (digits != NULL && strncmp(at, "%s", 2) == 0)
		{
			appendStringInfoString(&text, digits);
			at++;
		}
		else
			appendStringInfoChar(&text, *at);
	}
	return text.data;
}

static SPIPlanPtr
prepare(const ExtschedStmt *stmt, const char *digits)
{
	char	   *sql = sql_of(stmt, digits);
	Oid			types[EXTSCHED_STMT_ARGS];
	SPIPlanPtr	plan;

	for (int i = 0; i < stmt->nargs; i++)
	{
		if (stmt->types[i] == EXTSCHED_RUNS_ARG)
			types[i] = tables[EXTSCHED_TABLE_RUN].array_type;
		else if (stmt->types[i] == EXTSCHED_TIMERS_ARG)
			types[i] = tables[EXTSCHED_TABLE_TIMER].array_type;
		else
			types[i] = stmt->types[i];
	}
	plan = SPI_prepare_cursor(sql, stmt->nargs, types,
							  is_distributed ? CURSOR_OPT_CUSTOM_PLAN : CURSOR_OPT_GENERIC_PLAN);
	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", sql,
			 SPI_result_code_string(SPI_result));
	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "could not keep the plan of \"%s\"", sql);
	pfree(sql);
	return plan;
}

/* Forget plans that were made for tables which are gone. */
static void
check_generation(ExtschedStmt *stmt)
{
	if (stmt->generation == generation)
		return;
	if (stmt->plan != NULL)
		SPI_freeplan(stmt->plan);
	stmt->plan = NULL;
	for (int leaf = 0; leaf < EXTSCHED_RING_SLOTS; leaf++)
	{
		if (stmt->leaf_plans[leaf] != NULL)
			SPI_freeplan(stmt->leaf_plans[leaf]);
		stmt->leaf_plans[leaf] = NULL;
	}
	stmt->generation = generation;
}

static uint64
execute(ExtschedStmt *stmt, SPIPlanPtr plan, Datum *values, const char *nulls)
{
	int			result = SPI_execute_plan(plan, values, nulls, false, 0);

	if (result != stmt->expected)
		elog(ERROR, "unexpected result of \"%s\": %s", stmt->sql,
			 SPI_result_code_string(result));
	return SPI_processed;
}

static SPIPlanPtr
leaf_plan(ExtschedStmt *stmt, int leaf)
{
	check_generation(stmt);
	if (stmt->leaf_plans[leaf] == NULL)
	{
		char		digits[3];

		snprintf(digits, sizeof(digits), "%02d", leaf % 100);
		stmt->leaf_plans[leaf] = prepare(stmt, digits);
	}
	return stmt->leaf_plans[leaf];
}

static SPIPlanPtr
whole_plan(ExtschedStmt *stmt)
{
	check_generation(stmt);
	if (stmt->plan == NULL)
		stmt->plan = prepare(stmt, NULL);
	return stmt->plan;
}

/*
 * extsched_stmt_plan
 *		Plan a statement, inside SPI_connect, without running it.
 *
 * So that running it need not: a plan may never have been made, or have been
 * invalidated since.  A leaf of -1 is for a statement that has none.  Where
 * tables are distributed, each run plans anew.
 */
void
extsched_stmt_plan(ExtschedStmt *stmt, int leaf)
{
	SPIPlanPtr	plan = leaf < 0 ? whole_plan(stmt) : leaf_plan(stmt, leaf);
	CachedPlan *cached = is_distributed ? NULL : SPI_plan_get_cached_plan(plan);

	if (cached != NULL)
		ReleaseCachedPlan(cached, CurrentResourceOwner);
}

/*
 * extsched_stmt_run
 *		Run a statement inside SPI_connect, preparing it at first use.
 *
 * nulls is a string of ' ' and 'n' as SPI has it, or NULL when no value is
 * null.  The rows are in SPI_tuptable.  Returns their number.
 */
uint64
extsched_stmt_run(ExtschedStmt *stmt, Datum *values, const char *nulls)
{
	return execute(stmt, whole_plan(stmt), values, nulls);
}

/*
 * extsched_stmt_run_on_leaf
 *		The same, on one history partition.
 */
uint64
extsched_stmt_run_on_leaf(ExtschedStmt *stmt, int leaf, Datum *values,
						  const char *nulls)
{
	return execute(stmt, leaf_plan(stmt, leaf), values, nulls);
}

/*
 * extsched_batch_grow
 *		Make room for more items behind the first n, all zero.
 *
 * Returns where the items are from now on, in the current memory context.
 */
void *
extsched_batch_grow(void *items, Size item_size, int n, int *capacity, int more)
{
	void	   *larger;

	if (n + more <= *capacity)
		return items;
	*capacity = Max(n + more, 2 * *capacity);
	larger = palloc0(item_size * *capacity);
	if (n > 0)
		memcpy(larger, items, item_size * n);
	return larger;
}

/*
 * extsched_rows_init
 *		Begin a batch, in the current memory context.
 */
void
extsched_rows_init(ExtschedRows *rows, ExtschedTable table, int capacity)
{
	int			natts = tables[table].desc->natts;

	rows->table = table;
	rows->n = 0;
	rows->capacity = Max(capacity, 1);
	rows->tuples = palloc(sizeof(Datum) * rows->capacity);
	rows->values = palloc0(sizeof(Datum) * natts);
	rows->nulls = palloc(sizeof(bool) * natts);
	memset(rows->nulls, true, sizeof(bool) * natts);
}

void
extsched_rows_set(ExtschedRows *rows, int column, Datum value)
{
	rows->values[column] = value;
	rows->nulls[column] = false;
}

/* The same for a text, a uuid and an instant; a NULL pointer or 0 is null. */
void
extsched_rows_set_text(ExtschedRows *rows, int column, const char *text)
{
	if (text != NULL)
		extsched_rows_set(rows, column, CStringGetTextDatum(text));
}

void
extsched_rows_set_uuid(ExtschedRows *rows, int column, const pg_uuid_t *uuid)
{
	if (uuid != NULL)
		extsched_rows_set(rows, column, UUIDPGetDatum(uuid));
}

void
extsched_rows_set_time(ExtschedRows *rows, int column, TimestampTz at)
{
	if (at != 0)
		extsched_rows_set(rows, column, TimestampTzGetDatum(at));
}

/*
 * extsched_rows_add
 *		Append the row that was set; the next one begins all NULL.
 */
void
extsched_rows_add(ExtschedRows *rows)
{
	TupleDesc	desc = tables[rows->table].desc;
	HeapTuple	tuple = heap_form_tuple(desc, rows->values, rows->nulls);

	if (rows->n == rows->capacity)
	{
		rows->capacity *= 2;
		rows->tuples = repalloc(rows->tuples, sizeof(Datum) * rows->capacity);
	}
	rows->tuples[rows->n++] = HeapTupleGetDatum(tuple);
	memset(rows->nulls, true, sizeof(bool) * desc->natts);
}

/*
 * extsched_rows_array
 *		The batch as a parameter of type EXTSCHED_RUNS_ARG or _TIMERS_ARG.
 */
Datum
extsched_rows_array(const ExtschedRows *rows)
{
	return PointerGetDatum(construct_array(rows->tuples, rows->n,
										   tables[rows->table].row_type,
										   -1, false, TYPALIGN_DOUBLE));
}

/* Texts as a parameter of type text[]. */
Datum
extsched_rows_texts(Datum *texts, int n)
{
	return PointerGetDatum(construct_array(texts, n, TEXTOID, -1, false, TYPALIGN_INT));
}
