/*-------------------------------------------------------------------------
 *
 * dbhold.c
 *		Keeping workers out of the way of statements on whole databases.
 *
 * DROP DATABASE, its RENAME and SET TABLESPACE, and CREATE DATABASE from a
 * template are refused while anybody is connected to the database.  A worker
 * would make that always.  So before such a statement runs, this hook puts a
 * hold on the database in shared memory, which keeps new workers and probers
 * out, ends those that are there and waits until they have left.  The hold is
 * lifted when the transaction ends, however it ends, and the launcher brings
 * the workers back if there still is a database.
 *
 * The wait is bounded: when it is over the statement runs anyway and says
 * itself who is in the way.  A role that may not run the statement gets no
 * hold, or anybody could stop the workers of any database.
 *
 * The same hook sees what else concerns the launcher and no callback tells:
 * COMMIT PREPARED, which makes schedules of another session visible, and
 * changes of the extension.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "core/clock.h"
#include "core/compat.h"
#include "core/shmem.h"
#include "core/wake.h"
#include "worker/dbhold.h"

/* A worker leaves at its next check for interrupts: within milliseconds. */
#define HOLD_WAIT_MS		5000
#define HOLD_WAIT_STEP_MS	100L

static ProcessUtility_hook_type prev_process_utility = NULL;
static bool exit_hook_registered = false;
static bool has_hold = false;

/* Lift every hold of this process.  Raises no error. */
static void
lift_holds(void)
{
	ExtschedShared *s = extsched_shared;

	if (!has_hold)
		return;
	LWLockAcquire(s->lock, LW_EXCLUSIVE);
	for (int i = 0; i < EXTSCHED_MAX_HOLDS; i++)
	{
		if (s->holds[i].pid == MyProcPid)
			s->holds[i].pid = 0;
	}
	LWLockRelease(s->lock);
	has_hold = false;
	extsched_shmem_wake_launcher();
}

/*
 * The end of the transaction, and not of the statement: until then the server
 * itself keeps a lock on the database.
 */
static void
on_xact_event(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
		lift_holds();
}

/* For exits that pass by the end of the transaction. */
static void
lift_holds_at_exit(int code, Datum arg)
{
	lift_holds();
}

/*
 * Ask whoever of us is in a database to leave.  Returns how many there are.
 */
static int
end_processes(Oid database)
{
	ExtschedShared *s = extsched_shared;
	int			n = 0;

	LWLockAcquire(s->lock, LW_EXCLUSIVE);
	for (int i = 0; i < EXTSCHED_MAX_DATABASES; i++)
	{
		ExtschedDatabase *db = &s->databases[i];

		if (pg_atomic_read_u32(&db->database) != database)
			continue;
		for (int w = 0; w < EXTSCHED_MAX_WORKERS; w++)
		{
			if (db->workers[w].pid == 0)
				continue;
			kill(db->workers[w].pid, SIGTERM);
			n++;
		}
	}
	if (s->probe.database == database && s->probe.pid != 0)
	{
		kill(s->probe.pid, SIGTERM);
		n++;
	}
	LWLockRelease(s->lock);
	return n;
}

/*
 * Hold a database and wait until our processes have left it.  Without a free
 * hold nothing happens, and the statement fails as it would without us.
 */
static void
hold_database(Oid database)
{
	ExtschedShared *s = extsched_shared;
	int64		give_up_at;
	bool		held = false;

	if (!exit_hook_registered)
	{
		before_shmem_exit(lift_holds_at_exit, 0);
		exit_hook_registered = true;
	}
	LWLockAcquire(s->lock, LW_EXCLUSIVE);
	for (int i = 0; i < EXTSCHED_MAX_HOLDS && !held; i++)
	{
		if (s->holds[i].pid != 0)
			continue;
		s->holds[i].database = database;
		s->holds[i].pid = MyProcPid;
		held = true;
	}
	LWLockRelease(s->lock);
	if (!held)
		return;
	has_hold = true;

	give_up_at = extsched_clock_monotonic_us() + HOLD_WAIT_MS * INT64CONST(1000);
	ConditionVariablePrepareToSleep(&s->left);
	while (end_processes(database) > 0 &&
		   extsched_clock_monotonic_us() < give_up_at)
		(void) ConditionVariableTimedSleep(&s->left, HOLD_WAIT_STEP_MS,
										   PG_WAIT_EXTENSION);
	ConditionVariableCancelSleep();
}

/* May the current role make databases?  (A superuser may.) */
static bool
may_create_database(void)
{
	HeapTuple	tuple;
	bool		result;

	if (superuser())
		return true;
	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(GetUserId()));
	if (!HeapTupleIsValid(tuple))
		return false;
	result = ((Form_pg_authid) GETSTRUCT(tuple))->rolcreatedb;
	ReleaseSysCache(tuple);
	return result;
}

static bool
is_template(Oid database)
{
	HeapTuple	tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(database));
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return false;
	result = ((Form_pg_database) GETSTRUCT(tuple))->datistemplate;
	ReleaseSysCache(tuple);
	return result;
}

/* The string value of an option of a statement, NULL if it is not there. */
static char *
option_string(List *options, const char *name)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, name) == 0 && option->arg != NULL)
			return defGetString(option);
	}
	return NULL;
}

/*
 * The database that a statement needs to itself, if the current role may run
 * it; else InvalidOid.
 */
static Oid
database_needed(Node *statement)
{
	const char *name = NULL;
	bool		copies = false;
	Oid			database;

	switch (nodeTag(statement))
	{
		case T_DropdbStmt:
			name = castNode(DropdbStmt, statement)->dbname;
			break;
		case T_RenameStmt:
			if (castNode(RenameStmt, statement)->renameType == OBJECT_DATABASE)
				name = castNode(RenameStmt, statement)->subname;
			break;
		case T_AlterDatabaseStmt:
			if (option_string(castNode(AlterDatabaseStmt, statement)->options,
							  "tablespace") != NULL)
				name = castNode(AlterDatabaseStmt, statement)->dbname;
			break;
		case T_CreatedbStmt:
			copies = true;
			name = option_string(castNode(CreatedbStmt, statement)->options,
								 "template");
			if (name == NULL)
				name = "template1";
			break;
		default:
			break;
	}
	if (name == NULL || !IsTransactionState())
		return InvalidOid;

	database = get_database_oid(name, true);
	if (!OidIsValid(database) || (database == MyDatabaseId && !copies))
		return InvalidOid;
	if (extsched_compat_owns_database(database, GetUserId()))
		return copies && !may_create_database() ? InvalidOid : database;
	if (copies && may_create_database() && is_template(database))
		return database;
	return InvalidOid;
}

/* Is this a change of the extension itself? */
static bool
concerns_extension(Node *statement)
{
	ListCell   *cell;

	switch (nodeTag(statement))
	{
		case T_AlterExtensionStmt:
			return strcmp(castNode(AlterExtensionStmt, statement)->extname,
						  "extsched") == 0;
		case T_DropStmt:
			if (castNode(DropStmt, statement)->removeType != OBJECT_EXTENSION)
				return false;
			foreach(cell, castNode(DropStmt, statement)->objects)
			{
				if (strcmp(strVal(lfirst(cell)), "extsched") == 0)
					return true;
			}
			return false;
		default:
			return false;
	}
}

static void
process_utility(PlannedStmt *pstmt, const char *queryString,
				bool readOnlyTree, ProcessUtilityContext context,
				ParamListInfo params, QueryEnvironment *queryEnv,
				DestReceiver *dest, QueryCompletion *qc)
{
	Node	   *statement = pstmt->utilityStmt;
	ProcessUtility_hook_type next =
		prev_process_utility ? prev_process_utility : standard_ProcessUtility;
	Oid			database = database_needed(statement);

	if (OidIsValid(database))
		hold_database(database);

	/* it ends the transaction, so look at the statement before */
	if (IsA(statement, TransactionStmt) &&
		castNode(TransactionStmt, statement)->kind == TRANS_STMT_COMMIT_PREPARED)
	{
		next(pstmt, queryString, readOnlyTree, context, params, queryEnv,
			 dest, qc);
		extsched_wake_now(DT_NOBEGIN);
		if (extsched_shmem_my_database(false) != NULL)
			extsched_shmem_poke(MyDatabaseId);
		return;
	}
	if (concerns_extension(statement))
	{
		extsched_wake_at_commit(DT_NOBEGIN);
		extsched_wake_launcher_at_commit();
	}
	next(pstmt, queryString, readOnlyTree, context, params, queryEnv, dest, qc);
}

/*
 * extsched_dbhold_install_hook
 *		See utility statements.  Only while the library is preloaded.
 */
void
extsched_dbhold_install_hook(void)
{
	prev_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
	RegisterXactCallback(on_xact_event, NULL);
}
