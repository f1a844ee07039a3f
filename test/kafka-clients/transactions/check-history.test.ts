import { describe, expect, test } from 'vitest'
import { anomaliesIn, type History, type Polled, type Transaction } from './check-history.ts'

const at = (partition: number, offset: number, value: string): Polled => ({ partition, offset, value })
const transaction = (
  outcome: Transaction['outcome'],
  values: readonly string[],
  polled: readonly Polled[] = [],
): Transaction => ({ outcome, sent: values.map(value => ({ partition: Number(value[0]), value })), polled })

/** Values begin with their partition. */
const SOUND: History = {
  transactions: [
    transaction('committed', ['0a', '0b', '1a']),
    transaction('aborted', ['0x', '1x']),
    transaction('unknown', ['0c', '1c'], [at(0, 0, '0a')]),
    transaction('unknown', ['0y', '1y']),
    transaction('committed', ['1d'], [at(0, 2, '0c')]),
  ],
  polls: [
    { reader: 'one', records: [at(0, 0, '0a'), at(1, 0, '1a'), at(0, 1, '0b')] },
    { reader: 'other', records: [at(1, 0, '1a')] },
    { reader: 'one', records: [at(0, 2, '0c')] },
    { reader: 'one', records: [] },
  ],
  log: [at(0, 0, '0a'), at(0, 1, '0b'), at(0, 2, '0c'), at(1, 0, '1a'), at(1, 1, '1c'), at(1, 2, '1d')],
}

const kinds = (history: Partial<History>) => [
  ...new Set(anomaliesIn({ ...SOUND, ...history }).map(({ kind }) => kind.split(' (')[0])),
]
const logWith = (...more: Polled[]) => [...SOUND.log, ...more]
const polls = (...all: Polled[][]) => all.map(records => ({ reader: 'one', records }))

test('a sound history has no anomaly, nor has one with gaps between offsets', () => {
  expect(anomaliesIn(SOUND)).toEqual([])
  const log = SOUND.log.map(polled => ({ ...polled, offset: polled.offset * 3 }))
  const transactions = SOUND.transactions.map(each => ({ ...each, polled: [] }))
  expect(anomaliesIn({ transactions, polls: [], log })).toEqual([])
})

describe('found is', () => {
  test('what was aborted, wherever it was read', () => {
    expect(kinds({ log: logWith(at(1, 3, '1x')) })).toEqual(['G1a'])
    expect(kinds({ polls: polls([at(1, 0, '1a'), at(1, 1, '1c'), at(1, 2, '1d'), at(1, 3, '1x')]) })).toEqual(
      ['G1a'],
    )
  })

  test('what was committed and is not there', () => {
    expect(kinds({ log: SOUND.log.filter(({ value }) => value !== '1d') })).toEqual(['lost write'])
  })

  test('what one has read and others cannot', () => {
    const log = SOUND.log.filter(({ value }) => value !== '0b')
    expect(kinds({ log })).toEqual(['unseen by others'])
  })

  test('half of a transaction', () => {
    expect(kinds({ log: logWith(at(1, 3, '1y')) })).toEqual(['torn transaction'])
  })

  test('writes of another transaction in the midst of one', () => {
    const log = [at(0, 0, '0a'), at(0, 1, '0c'), at(0, 2, '0b'), ...SOUND.log.slice(3)]
    const transactions = SOUND.transactions.map(each => ({ ...each, polled: [] }))
    expect(kinds({ log, transactions, polls: [] })).toEqual(['G0'])
  })

  test('writes in another order', () => {
    const log = [at(0, 1, '0a'), at(0, 0, '0b'), ...SOUND.log.slice(2)]
    const transactions = SOUND.transactions.map(each => ({ ...each, polled: [] }))
    expect(kinds({ log, transactions, polls: [] })).toEqual(['reordered write'])
  })

  test('a transaction that reads its own writes before it is committed', () => {
    const own = transaction('committed', ['1e'], [at(1, 3, '1e')])
    expect(kinds({ transactions: [...SOUND.transactions, own], log: logWith(at(1, 3, '1e')) })).toEqual([
      'G1b',
    ])
  })

  test('a circle of reads, of two and of three', () => {
    const log = logWith(at(1, 3, '1e'), at(1, 4, '1f'), at(1, 5, '1g'))
    const [e, f, g] = log.slice(-3)
    const two = [transaction('committed', ['1e'], [f!]), transaction('committed', ['1f'], [e!])]
    const alone = transaction('committed', ['1g'])
    expect(kinds({ transactions: [...SOUND.transactions, ...two, alone], log })).toEqual(['G1c'])
    const three = [
      transaction('committed', ['1e'], [f!]),
      transaction('committed', ['1f'], [g!]),
      transaction('committed', ['1g'], [e!]),
    ]
    expect(kinds({ transactions: [...SOUND.transactions, ...three], log })).toEqual(['G1c'])
  })

  test('a value that is there twice, or never was sent, or stands elsewhere for another reader', () => {
    expect(kinds({ log: logWith(at(1, 3, '1d')) })).toEqual(['duplicate'])
    expect(kinds({ log: logWith(at(1, 3, '1z')) })).toEqual(['invented value'])
    expect(kinds({ polls: polls([at(0, 0, '0b')]) })).toEqual(['inconsistent offsets', 'duplicate'])
  })

  test('a poll that leaves something out, within itself or since the one before', () => {
    expect(kinds({ polls: polls([at(0, 0, '0a'), at(0, 2, '0c')]) })).toEqual(['poll skip'])
    expect(kinds({ polls: polls([at(0, 0, '0a')], [at(0, 2, '0c')]) })).toEqual(['poll skip'])
    expect(kinds({ polls: polls([at(0, 1, '0b')]) })).toEqual(['poll skip'])
  })

  test('a poll that goes back', () => {
    const all = [at(0, 0, '0a'), at(0, 1, '0b')]
    expect(kinds({ polls: polls(all, [at(0, 1, '0b')]) })).toEqual(['non-monotonic poll'])
  })
})
