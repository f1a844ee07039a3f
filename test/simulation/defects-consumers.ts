import { ofGroups, type PlantedDefect, withMethods } from './planted-defect.ts'

const CONSUMERS = { actors: ['consumers'], seeds: 100 }

/** Of groups whose members speak Kafka's newer protocol. */
export const CONSUMER_DEFECTS: Readonly<Record<string, PlantedDefect>> = {
  'a partition is taken from who has not let go of it': {
    ...CONSUMERS,
    message: /^two owners/,
    ports: ofGroups(groups =>
      withMethods(groups, {
        readMember: async (groupId, memberId) => {
          const [member, group] = await Promise.all([
            groups.readMember(groupId, memberId),
            groups.readGroup(groupId),
          ])
          return member && { ...member, settledEpoch: group?.epoch ?? member.settledEpoch }
        },
      }),
    ),
  },
  'nobody is given up who falls silent': {
    ...CONSUMERS,
    message: /^unsettled/,
    ports: ofGroups(groups =>
      withMethods(groups, {
        removeMember: async (groupId, memberId, leaseUntilMs) =>
          leaseUntilMs === undefined && (await groups.removeMember(groupId, memberId)),
      }),
    ),
  },
}
