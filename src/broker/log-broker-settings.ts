import type { GatherSettings } from './producing/gather.ts'
import type { SettlingSettings } from './settling/settling-settings.ts'

export interface LogBrokerSettings extends GatherSettings {
  /** What happens to errors of the background flush that nobody waits for. */
  readonly reportError: (error: unknown) => void
  /**
   * Who moves inline bytes into objects: a task of this process unless set; or, where a process sleeps between
   * calls, something else that watches the table, helped by the producers whose appends make a tail long.
   */
  readonly flushes?: 'in-background' | 'elsewhere'
  /** Who has the logs settle: a task of this process, or something else, which it is unless set. */
  readonly settles?: 'in-background' | 'elsewhere'
  /** When, and how long what is left behind stays; each is the limit of its name unless set. */
  readonly settling?: Partial<SettlingSettings>
  /**
   * What the pause may grow to between two looks of a waiting fetch for what other processes wrote; they come every
   * FETCH_POLL_INTERVAL_MS unless set.
   */
  readonly pollIntervalMsMax?: number
  /**
   * What of the newest records stays in memory, for those who read at a log's end: HOT_TAIL_BYTES unless set, and nothing in
   * a process that sleeps between calls.
   */
  readonly hotTailBytes?: number
  /** How long a topic is trusted to be as it was; TOPIC_CACHE_MS unless set. */
  readonly topicCacheMs?: number
  /**
   * What members of groups let pass between two heartbeats at most, and so how late they hear that others have come:
   * HEARTBEAT_INTERVAL_DEFAULT_MS unless set, and never more than a third of the session.
   */
  readonly heartbeatIntervalMsMax?: number
  /** Kafka's `group.initial.rebalance.delay.ms`; CLASSIC_INITIAL_DELAY_MS unless set. */
  readonly groupInitialDelayMs?: number
}
