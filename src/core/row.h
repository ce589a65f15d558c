/*-------------------------------------------------------------------------
 *
 * row.h
 *		A row of a query, taken apart.
 *
 * All columns at once: asked for one by one, each is found by walking over
 * those before it.  Columns are numbered from 0.  What is passed by reference
 * stays in the tuple; texts are copied.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_ROW_H
#define EXTSCHED_ROW_H

#include "access/htup_details.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

typedef struct ExtschedRow
{
	TupleDesc	desc;
	Datum	   *values;
	bool	   *nulls;
} ExtschedRow;

/* Room for rows of that shape, one at a time, in the current context. */
static inline void
extsched_row_init(ExtschedRow *row, TupleDesc desc)
{
	row->desc = desc;
	row->values = palloc(desc->natts * sizeof(Datum));
	row->nulls = palloc(desc->natts * sizeof(bool));
}

static inline void
extsched_row_set(ExtschedRow *row, HeapTuple tuple)
{
	heap_deform_tuple(tuple, row->desc, row->values, row->nulls);
}

/* A row alone. */
static inline void
extsched_row_read(ExtschedRow *row, HeapTuple tuple, TupleDesc desc)
{
	extsched_row_init(row, desc);
	extsched_row_set(row, tuple);
}

static inline char *
extsched_row_text(const ExtschedRow *row, int column)
{
	return row->nulls[column] ? NULL : TextDatumGetCString(row->values[column]);
}

static inline int
extsched_row_int(const ExtschedRow *row, int column, int if_null)
{
	return row->nulls[column] ? if_null : DatumGetInt32(row->values[column]);
}

static inline bool
extsched_row_bool(const ExtschedRow *row, int column)
{
	return !row->nulls[column] && DatumGetBool(row->values[column]);
}

static inline TimestampTz
extsched_row_time(const ExtschedRow *row, int column, TimestampTz if_null)
{
	return row->nulls[column] ? if_null : DatumGetTimestampTz(row->values[column]);
}

static inline Jsonb *
extsched_row_jsonb(const ExtschedRow *row, int column)
{
	return row->nulls[column] ? NULL : DatumGetJsonbP(row->values[column]);
}

/* All zeros for a null. */
static inline pg_uuid_t
extsched_row_uuid(const ExtschedRow *row, int column)
{
	pg_uuid_t	none = {{0}};

	return row->nulls[column] ? none : *DatumGetUUIDP(row->values[column]);
}

#endif							/* EXTSCHED_ROW_H */
