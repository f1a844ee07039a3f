/** Where the gateway is meant to answer other than Apache Kafka, and why. */
export const DIFFERENCES: readonly { readonly of: RegExp; readonly why: string }[] = [
  { of: /^topics: create as a trial$/, why: 'Kafka tells the id of a topic that there never is.' },
  {
    of: /^topics: create (?:a topic|with a config twice|by hand)$/,
    why: 'The configs of a new topic are told, and there are fewer, with defaults of their own.',
  },
  {
    of: /^topics: create with a factor of 3$/,
    why: 'The tools of the world ask for it, and records are as safe as their store in any case.',
  },
  {
    of: /^records: produce half of a batch$/,
    why: 'It is damaged, which Kafka says of other damage only.',
  },
  {
    of: /^records: (?:produce (?:from the future.*|without keys)|number (?:with a gap|in a new epoch from 3 on|in an older epoch))$/,
    why: 'Where the log starts is told only by what was written.',
  },
  {
    of: /^records: number again$/,
    why: 'Kafka tells the time of the first try, also where records keep their own: clients would take it for theirs.',
  },
  {
    of: /^records: number what is long ago$/,
    why: 'More than five batches of a producer are recognized, where they are in the tail.',
  },
  {
    of: /^records: fetch (?:no partition|an unknown id)$/,
    why: 'Kafka says that nothing was aborted, and not that nobody asked.',
  },
  {
    of: /^cluster: describe (?:a topic|without synonyms|what was .*|Kafka’s for ever)$/,
    why: 'segment.bytes has a default of its own, and that of retention.ms is told in milliseconds.',
  },
  {
    of: /^classic: (?:commit without a group|describe what is not|delete what is not)$/,
    why: 'A group without a name is none.',
  },
  {
    of: /^consumers: heartbeat with an epoch of nobody$/,
    why: 'A member whose group was deleted while it slept joins anew; of a group that is not there clients take that for the end.',
  },
  {
    of: /^consumers: instance: (?:join in the place of one that is there|heartbeat of one that is there)$/,
    why: 'An instance that comes anew takes its place at once, as in classic groups; Kafka has it wait until the other has paused.',
  },
  {
    of: /^consumers: instance: (?:heartbeat|leave) of whom it replaces$/,
    why: 'Nobody knows any more whose place it was, since the one that paused has said so itself.',
  },
  {
    of: /^consumers: instance: heartbeat without its name$/,
    why: 'Whoever has a name says it, as all clients do.',
  },
  {
    of: /^consumers: fetch of nobody$/,
    why: 'An epoch without a member is an unexpected failure in Kafka, and here a member that is not known.',
  },
  { of: /^classic: fetch nothing$/, why: 'Where nothing is committed, nothing else is said of it.' },
  {
    of: /^transactions: produce (?:to what is added|to the other one|later|of the first)$/,
    why: 'Where a transaction’s records will be is known when it is committed.',
  },
  {
    of: /^transactions: produce with a gap$/,
    why: 'Where the log starts is told only by what was written.',
  },
  {
    of: /^transactions: produce that is of no transaction$/,
    why: 'Of a producer with a transactional id every batch is a part of a transaction, whatever its number is.',
  },
  {
    of: /^transactions: describe (?:a committed|an aborted) one$/,
    why: 'When it began is told of one that is going on.',
  },
  {
    of: /^transactions: init (?:the second|to go on)$/,
    why: 'Kafka takes an epoch for the end of what was open, and another one for the new producer; here they are the same.',
  },
  {
    of: /^transactions: list that take long$/,
    why: 'Kafka takes one that has not begun for one that began in 1970.',
  },
  { of: /^cluster: describe a broker$/, why: 'Nothing of a gateway can be altered over the protocol.' },
]
