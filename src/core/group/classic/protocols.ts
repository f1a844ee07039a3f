import type { ClassicMember } from './classic-group.ts'

type Speaker = Pick<ClassicMember, 'protocols'>

/** The protocols that all of them know; of no members: none. */
function commonProtocols(members: readonly Speaker[]): Set<string> {
  const [first, ...others] = members
  return new Set(first?.protocols.filter(name => others.every(({ protocols }) => protocols.includes(name))))
}

/** Whether a member with these protocols has one in common with all the others. */
export function canJoinWith(others: readonly Speaker[], protocols: readonly string[]): boolean {
  return commonProtocols([{ protocols }, ...others]).size > 0
}

/**
 * The protocol that a generation uses: each member votes for the first of its own that all know. Of several with the same
 * number of votes, the one that was voted for first.
 */
export function chooseProtocol(members: readonly Speaker[]): string | null {
  const common = commonProtocols(members)
  const votes = new Map<string, number>()
  for (const { protocols } of members) {
    const vote = protocols.find(name => common.has(name))
    if (vote !== undefined) votes.set(vote, (votes.get(vote) ?? 0) + 1)
  }
  const most = Math.max(...votes.values())
  return [...votes].find(([, count]) => count === most)?.[0] ?? null
}
