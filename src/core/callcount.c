/*-------------------------------------------------------------------------
 *
 * callcount.c
 *		Counting calls of the functions that are written in SQL languages.
 *
 * Functions in C count themselves, since only they know a full minute from a
 * full quota.  The others are all SECURITY DEFINER, and the server tells
 * fmgr_hook when such a function begins, ends or fails.  So one place counts
 * them all, failures included, and no function can forget it.
 *
 * The hook is called for every SECURITY DEFINER function of the server, so it
 * decides by the name alone, from the system cache.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "portability/instr_time.h"
#include "utils/lsyscache.h"

#include "core/callcount.h"
#include "core/counters.h"

#define PREFIX "extsched_"

static fmgr_hook_type previous_hook = NULL;

/* Operations whose functions count themselves. */
static bool
counts_itself(ExtschedApiOp op)
{
	switch (op)
	{
		case EXTSCHED_OP_CREATE:
		case EXTSCHED_OP_UPDATE:
		case EXTSCHED_OP_DELETE:
		case EXTSCHED_OP_VALIDATE:
		case EXTSCHED_OP_RUN_NOW:
		case EXTSCHED_OP_CLAIM:
		case EXTSCHED_OP_HEARTBEAT:
		case EXTSCHED_OP_COMPLETE:
		case EXTSCHED_OP_OTHER:
			return true;
		default:
			return false;
	}
}

/* The operation of a function that is counted here; -1 for any other. */
static int
operation_of(Oid function)
{
	char	   *name = get_func_name(function);
	int			op = -1;

	if (name == NULL)
		return -1;
	if (strncmp(name, PREFIX, strlen(PREFIX)) == 0)
	{
		const char *operation = name + strlen(PREFIX);

		op = extsched_api_op_by_name(strcmp(operation, "endpoints") == 0 ? "getEndpoints" : operation);
		if (op >= 0 && counts_itself(op))
			op = -1;
	}
	pfree(name);
	return op;
}

/* What is kept from the beginning of a call to its end. */
typedef struct CountedCall
{
	int			op;				/* -1: not counted here */
	instr_time	start;
} CountedCall;

static void
begin_call(FmgrInfo *function, Datum *arg)
{
	CountedCall *call = (CountedCall *) DatumGetPointer(*arg);

	if (call == NULL)
	{
		/* Lives as long as the server's own record of the function. */
		call = MemoryContextAlloc(function->fn_mcxt, sizeof(CountedCall));
		call->op = operation_of(function->fn_oid);
		*arg = PointerGetDatum(call);
	}
	if (call->op >= 0)
		INSTR_TIME_SET_CURRENT(call->start);
}

static void
end_call(const Datum *arg, ExtschedApiStatus status)
{
	CountedCall *call = (CountedCall *) DatumGetPointer(*arg);
	instr_time	elapsed;

	if (call == NULL || call->op < 0)
		return;
	INSTR_TIME_SET_CURRENT(elapsed);
	INSTR_TIME_SUBTRACT(elapsed, call->start);
	extsched_count_api(call->op, status, INSTR_TIME_GET_MICROSEC(elapsed));
}

/*
 * What this hook keeps for a function is its own business; a hook that was
 * there before keeps the same in private.
 */
static void
count_call(FmgrHookEventType event, FmgrInfo *function, Datum *private)
{
	switch (event)
	{
		case FHET_START:
			begin_call(function, private);
			break;
		case FHET_END:
			end_call(private, EXTSCHED_API_OK);
			break;
		case FHET_ABORT:
			end_call(private, extsched_api_status_of_sqlstate(geterrcode()));
			break;
	}
}

/* A pair of private data, when another library uses the hook as well. */
typedef struct HookPair
{
	Datum		ours;
	Datum		previous;
} HookPair;

static void
count_and_pass_on(FmgrHookEventType event, FmgrInfo *function, Datum *private)
{
	HookPair   *pair = (HookPair *) DatumGetPointer(*private);

	if (pair == NULL)
	{
		pair = MemoryContextAllocZero(function->fn_mcxt, sizeof(HookPair));
		*private = PointerGetDatum(pair);
	}
	count_call(event, function, &pair->ours);
	previous_hook(event, function, &pair->previous);
}

/*
 * extsched_callcount_install_hook
 *		Count from now on, in this process and those forked from it.
 */
void
extsched_callcount_install_hook(void)
{
	previous_hook = fmgr_hook;
	fmgr_hook = previous_hook != NULL ? count_and_pass_on : count_call;
}
