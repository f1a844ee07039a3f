import { KEY_ATTRIBUTES } from '../../../core/storage-layout.ts'
import { string } from './attributes.ts'
import { type Expression, joined, words } from './expression.ts'

const { partition, sort } = KEY_ATTRIBUTES

export const EXISTS = words`attribute_exists(${partition})`

export const NO_ITEM = words`attribute_not_exists(${partition})`

/** For what is to be gone: an item that is not there is. */
export function goneOr(condition: Expression): Expression {
  return joined([NO_ITEM, condition], ' OR ')
}

/** Items of one partition key; with a prefix, those whose sort keys begin with it. */
export function under(key: string, prefix = ''): Expression {
  const all = words`${partition} = ${string(key)}`
  return prefix === '' ? all : words`${all} AND begins_with(${sort}, ${string(prefix)})`
}

/** Items of one partition key with these sort keys or any between them. */
export function between(key: string, first: string, last: string): Expression {
  return words`${under(key)} AND ${sort} BETWEEN ${string(first)} AND ${string(last)}`
}
