import type { ScalarTest } from './json.ts'
import type { Place } from './place.ts'

interface Address {
  readonly bits: 32 | 128
  readonly value: bigint
}

/** A text that is an address fits however it is written; of others there is no test. */
export function compileAddress(text: string): ScalarTest | undefined {
  const wanted = readAddress(text)
  if (!wanted) return undefined
  return value => {
    const address = typeof value === 'string' ? readAddress(value) : undefined
    return address?.bits === wanted.bits && address.value === wanted.value
  }
}

/** `{"cidr": "10.0.0.0/24"}`, and the same for IPv6. */
export function compileCidr(operand: unknown, place: Place): ScalarTest {
  const parts = typeof operand === 'string' ? /^([^/]+)\/(\d{1,3})$/.exec(operand) : null
  const network = parts ? readAddress(parts[1]!) : undefined
  const prefixBits = Number(parts?.[2])
  if (!network || prefixBits >= network.bits) {
    throw place.refusal(
      'has a "cidr" that is no network: give an address and its bits, as in "10.0.0.0/24"; a single address stands ' +
        'in a list as it is',
    )
  }
  const hostBits = BigInt(network.bits - prefixBits)
  return value => {
    const address = typeof value === 'string' ? readAddress(value) : undefined
    return address?.bits === network.bits && address.value >> hostBits === network.value >> hostBits
  }
}

function readAddress(text: string): Address | undefined {
  const short = readIpv4(text)
  if (short !== undefined) return { bits: 32, value: short }
  const long = readIpv6(text)
  if (long === undefined) return undefined
  return long >> 32n === MAPPED ? { bits: 32, value: long & 0xffff_ffffn } : { bits: 128, value: long }
}

function readIpv4(text: string): bigint | undefined {
  const octets = text.split('.')
  if (
    octets.length !== 4 ||
    !octets.every(octet => /^(0|[1-9]\d{0,2})$/.test(octet) && Number(octet) < 256)
  ) {
    return undefined
  }
  return octets.reduce((value, octet) => (value << 8n) | BigInt(octet), 0n)
}

const IPV6_GROUPS = 8
/** What stands before an IPv4 address in an IPv6 one that means it: ::ffff:0:0/96. */
const MAPPED = 0xffffn

function readIpv6(text: string): bigint | undefined {
  // An address has 45 characters at most; a record's text can have millions.
  if (text.length > 45) return undefined
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [before, after] = halves.map(readGroups)
  if (!before || (halves.length === 2 && !after)) return undefined
  const missing = IPV6_GROUPS - before.length - (after?.length ?? 0)
  // "::" stands for at least one group of zeros.
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined
  const groups = [...before, ...Array<bigint>(missing).fill(0n), ...(after ?? [])]
  return groups.reduce((value, group) => (value << 16n) | group, 0n)
}

/** The last two groups may be written as an IPv4 address. */
function readGroups(text: string): bigint[] | undefined {
  if (text === '') return []
  const groups: bigint[] = []
  const names = text.split(':')
  for (const [index, name] of names.entries()) {
    const embedded = index === names.length - 1 ? readIpv4(name) : undefined
    if (embedded !== undefined) groups.push(embedded >> 16n, embedded & 0xffffn)
    else if (/^[0-9a-f]{1,4}$/i.test(name)) groups.push(BigInt(`0x${name}`))
    else return undefined
  }
  return groups
}
