/*-------------------------------------------------------------------------
 *
 * plan.h
 *		Statements of the API, prepared once in a session.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_PLAN_H
#define EXTSCHED_PLAN_H

#include "executor/spi.h"

#define PLAN_MAX_ARGS 32

/*
 * A fixed statement and the types of its parameters.  Declare it static; plan
 * is filled at first use and kept for the session.
 */
typedef struct PreparedStatement
{
	const char *sql;
	int			nargs;
	Oid			types[PLAN_MAX_ARGS];
	SPIPlanPtr	plan;
} PreparedStatement;

extern uint64 extsched_plan_execute(PreparedStatement *statement,
									Datum *values, const char *nulls,
									int expected, long max_rows);
extern uint64 extsched_plan_look(PreparedStatement *statement, Datum *values, const char *nulls);

#endif							/* EXTSCHED_PLAN_H */
