/*-------------------------------------------------------------------------
 *
 * planner.h
 *		Plans of the worker's statements, whatever statistics say.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EXTSCHED_PLANNER_H
#define EXTSCHED_PLANNER_H

extern void extsched_planner_pin(void);
extern int	extsched_planner_enter(void);
extern void extsched_planner_leave(int level);

#endif							/* EXTSCHED_PLANNER_H */
