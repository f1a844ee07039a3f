/** What shortens logs, at their ends: one module that is loaded when it is first called for. */

export { BackgroundFlush } from './background-flush.ts'
export { deleteRecords } from './delete-records.ts'
