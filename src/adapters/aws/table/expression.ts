import type { AttributeValue } from '@aws-sdk/client-dynamodb'

/** A member of a map whose name no expression can spell out. */
export class MemberName {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}

type Place = string | AttributeValue | MemberName | Expression

/** Words of DynamoDB's, with what they speak of still in its places. */
export class Expression {
  readonly texts: readonly string[]
  readonly places: readonly Place[]

  constructor(texts: readonly string[], places: readonly Place[]) {
    this.texts = texts
    this.places = places
  }
}

/** `` words`${tailOffset} <= ${number(seen)}` ``: a text stands as it is, a value or a member's name by another name. */
export function words(texts: TemplateStringsArray, ...places: readonly Place[]): Expression {
  return new Expression(texts, places)
}

/** All of them, with a text between. */
export function joined(expressions: readonly Expression[], between: string): Expression {
  const gaps = expressions.slice(1).map(() => between)
  return new Expression(['', ...gaps, ''], expressions)
}

/** That each of these attributes becomes, or is, this value. */
export function equalities(values: Readonly<Record<string, AttributeValue>>): Expression[] {
  return Object.entries(values).map(([name, value]) => words`${name} = ${value}`)
}

/** Expressions of one request as DynamoDB takes them: texts, and apart from them the names and the values in them. */
export class RequestTerms {
  readonly #names: Record<string, string> = {}
  readonly #values: Record<string, AttributeValue> = {}

  write({ texts, places }: Expression): string {
    return texts.reduce((before, text, index) => before + this.#writePlace(places[index - 1]!) + text)
  }

  /** DynamoDB refuses maps of none. */
  input(): {
    ExpressionAttributeNames?: Record<string, string>
    ExpressionAttributeValues?: Record<string, AttributeValue>
  } {
    return {
      ...(Object.keys(this.#names).length > 0 && { ExpressionAttributeNames: this.#names }),
      ...(Object.keys(this.#values).length > 0 && { ExpressionAttributeValues: this.#values }),
    }
  }

  #writePlace(place: Place): string {
    if (typeof place === 'string') return place
    if (place instanceof Expression) return this.write(place)
    const isName = place instanceof MemberName
    const all: Record<string, unknown> = isName ? this.#names : this.#values
    const reference = `${isName ? '#' : ':'}${Object.keys(all).length}`
    all[reference] = isName ? place.name : place
    return reference
  }
}
