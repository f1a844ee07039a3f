/** What a broker does for groups and triggers, and to find offsets: one module that is loaded when it is first called for. */

export { commitOffsets } from './groups/commit-offsets.ts'
export { deleteGroup } from './groups/delete-group.ts'
export { describeGroup } from './groups/describe-group.ts'
export { fetchOffsets } from './groups/fetch-offsets.ts'
export { GroupCall } from './groups/group-call.ts'
export { heartbeat } from './groups/heartbeat.ts'
export { LeaseWatch } from './groups/lease-watch.ts'
export { leaveGroup } from './groups/leave-group.ts'
export { listGroups } from './groups/list-groups.ts'
export { offsetFor } from './reading/offset-for.ts'
export { deleteTrigger, pauseTrigger, resumeTrigger } from './triggers/change-trigger.ts'
export { describeTriggers, listTriggers } from './triggers/list-triggers.ts'
