/** A pattern for a JSON object and the object, both as text: numbers and duplicate names are part of what is asked. */
export type Case = readonly [pattern: string, event: string]

/** All of these are asked with all of those, each list and each value as the one field of an object. */
interface Square {
  readonly lists: readonly string[]
  readonly values: readonly string[]
}

const NUMBERS = [
  ...[
    '0',
    '-0',
    '0.0',
    '-0.0e5',
    '1',
    '1.0',
    '10e-1',
    '-1',
    '100',
    '100.0',
    '1e2',
    '1E+2',
    '0.1',
    '0.10',
    '1e-1',
    '0.3',
  ],
  ...[
    '0.30000000000000004',
    '1.0000000000000001',
    '5e-7',
    '0.0000005',
    '123456789012345',
    '1234567890123456',
  ],
  ...['9007199254740991', '9007199254740992', '9007199254740993', '9007199254740993.0', '9007199254740994'],
  ...[
    '-9007199254740993',
    '9.007199254740993e15',
    '12345678901234567890',
    '12345678901234567891',
    '1e21',
    '1e22',
  ],
  ...[
    '1000000000000000000000',
    '1.7976931348623157e308',
    '1e400',
    '1E400',
    '-1e400',
    '1e-400',
    '0e400',
    '2e-308',
  ],
  ...[
    '18446744073709551615',
    '18446744073709551616',
    '9223372036854775807',
    '9223372036854775808',
    '3.14159',
  ],
]

const TEXTS = [
  ...[
    '',
    'a',
    'A',
    'ab',
    'AB',
    'aB',
    'b',
    'ba',
    'aba',
    'a*b',
    'a\\b',
    'axb',
    'axxb',
    '*',
    '5',
    'null',
    'true',
    ' a',
    'a ',
  ],
  ...[
    'STRASSE',
    'straße',
    'ß',
    'ẞ',
    'SS',
    'ss',
    'Ss',
    'ı',
    'I',
    'i',
    'İ',
    'i̇',
    'ﬁ',
    'fi',
    'FI',
    'σ',
    'ς',
    'Σ',
    'É',
    'é',
  ],
  ...[
    'ŉ',
    'ʼN',
    'ǰ',
    'J̌',
    'ΐ',
    'Ⱥ',
    'ⱥ',
    'K',
    'k',
    'Å',
    'å',
    'ſ',
    's',
    'S',
    'µ',
    'μ',
    'ΟΔΟΣ',
    'οδος',
    'οδοσ',
    '大',
    '😀',
    'a😀b',
  ],
  ...['us-east-1', 'US-EAST-1', 'image.png', 'image.PNG', '"', 'a"b', 'a\nb', 'a\u0000b', '\ufeffa'],
]

const ADDRESSES = [
  ...[
    '10.0.0.0',
    '10.0.0.1',
    '10.0.0.10',
    '10.0.0.255',
    '10.0.1.0',
    '10.1.0.0',
    '11.0.0.0',
    '0.0.0.0',
    '255.255.255.255',
  ],
  ...[
    '10.0.0',
    '10.0.0.0.0',
    '10.0.0.1 ',
    '10.0.0.x',
    '::',
    '::1',
    '0:0:0:0:0:0:0:1',
    '0::1',
    '2001:db8::',
    '2001:DB8::',
  ],
  ...[
    '2001:db8::1',
    '2001:0db8:0:0:0:0:0:1',
    '2001:db8:ffff::',
    '::ffff:a00:1',
    '::FFFF:A00:1',
    'fe80::1',
    ':::',
    '1::2::3',
  ],
  ...['12345::', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8', '12:30', 'a:b', 'A:B', ':'],
]

const text = (value: string) => JSON.stringify(value)
const inList = (value: string) => `[${value}]`
const operator = (name: string, operand: string) => `[{"${name}":${operand}}]`
const OTHERS = ['null', 'true', 'false', '{}', '[]', '[[]]', '{"g":1}', '[{"g":1}]', '"x"', '7']

const SQUARES: Square[] = [
  {
    lists: [
      ...NUMBERS.map(inList),
      ...NUMBERS.map(number => operator('anything-but', number)),
      ...['=', '<', '<=', '>', '>='].flatMap(sign =>
        ['0', '1e2', '0.3', '9007199254740992', '9007199254740993', '1e400', '-1.5'].map(bound =>
          operator('numeric', `["${sign}",${bound}]`),
        ),
      ),
      operator('numeric', '[">",0,"<=",100]'),
      operator('numeric', '[">=",9007199254740991,"<",9007199254740994]'),
      operator('numeric', '[">=",-0,"<",1e21]'),
      operator('anything-but', '[1,100,9007199254740992]'),
      '[1,"a",9007199254740993]',
      '[{"numeric":[">",5]},9007199254740993]',
    ],
    values: [...NUMBERS, ...OTHERS, '"100"', '[1,9007199254740993]', '["a",1e2]'],
  },
  {
    lists: [
      ...TEXTS.map(text).map(inList),
      ...TEXTS.filter(value => !value.includes('😀')).map(value =>
        operator('equals-ignore-case', text(value)),
      ),
      ...['a', 'A', '', 'ß', 'É', 'us-', 'İ', 'ﬁ'].flatMap(value => [
        operator('prefix', text(value)),
        operator('suffix', text(value)),
        operator('exactly', text(value)),
        operator('prefix', `{"equals-ignore-case":${text(value)}}`),
        operator('suffix', `{"equals-ignore-case":${text(value)}}`),
        operator('anything-but', text(value)),
        operator('anything-but', `[${text(value)},"b"]`),
        operator('anything-but', `{"prefix":${text(value)}}`),
        operator('anything-but', `{"prefix":["zz",${text(value)}]}`),
        operator('anything-but', `{"suffix":${text(value)}}`),
        operator('anything-but', `{"suffix":[${text(value)}]}`),
        operator('anything-but', `{"equals-ignore-case":${text(value)}}`),
        operator('anything-but', `{"equals-ignore-case":["zz",${text(value)}]}`),
      ]),
      ...['', '*', 'a*', '*b', 'a*b', '*a*', 'a*a', 'a\\*b', 'a\\\\b', '*大*', '*😀*', '*x*x*', '5'].flatMap(
        value => [
          operator('wildcard', text(value)),
          operator('anything-but', `{"wildcard":${text(value)}}`),
          operator('anything-but', `{"wildcard":[${text(value)},"zz"]}`),
        ],
      ),
      operator('exists', 'true'),
      operator('exists', 'false'),
      '[null]',
      '[true]',
      '[false,"a"]',
      '["x",{"exists":false}]',
      '[{"prefix":"a"},{"suffix":"b"},5]',
    ],
    values: [...TEXTS.map(text), ...OTHERS, '["a","b"]', '[["ab"],null]', '[{"g":1},"a"]'],
  },
  {
    lists: [
      // All of 0.0.0.0 is a part of what :: begins with, see DIFFERENCES.
      ...ADDRESSES.filter(address => address !== '0.0.0.0')
        .map(text)
        .map(inList),
      ...['10.0.0.0/8', '10.0.0.0/24', '10.0.0.77/30', '11.0.0.0/9', '255.255.255.254/31'].map(network =>
        operator('cidr', text(network)),
      ),
      ...['2001:db8::/32', '2001:db8::/127', '2001:DB8::1/48', '8000::/1'].map(network =>
        operator('cidr', text(network)),
      ),
      operator('exactly', '"::1"'),
      operator('prefix', '"10."'),
      operator('anything-but', '"::1"'),
      operator('anything-but', '["10.0.0.1"]'),
      '["10.0.0.1",{"prefix":"10."}]',
    ],
    values: [...ADDRESSES.map(text), 'null', '10', '["x","10.0.0.1"]'],
  },
]

/** What is refused when a rule is made, asked with one object. */
const REFUSED = [
  ...[
    '{}',
    '[]',
    '5',
    '"a"',
    '{"f":5}',
    '{"f":"a"}',
    '{"f":null}',
    '{"f":{}}',
    '{"f":[]}',
    '{"f":[[1]]}',
    '{"f":[{}]}',
  ],
  ...['{"f":[{"begins":"a"}]}', '{"f":[{"toString":"a"}]}', '{"f":[{"prefix":"a","suffix":"b"}]}', '{"f":[1'],
  ...[
    '{"f":[{"prefix":5}]}',
    '{"f":[{"prefix":["a"]}]}',
    '{"f":[{"prefix":{"suffix":"a"}}]}',
    '{"f":[{"prefix":null}]}',
  ],
  ...[
    '{"f":[{"prefix":{"equals-ignore-case":5}}]}',
    '{"f":[{"suffix":5}]}',
    '{"f":[{"suffix":{}}]}',
    '{"f":[{"exactly":5}]}',
  ],
  ...['{"f":[{"equals-ignore-case":5}]}', '{"f":[{"equals-ignore-case":["a"]}]}', '{"f":[{"wildcard":5}]}'],
  ...[
    '{"f":[{"wildcard":"a**b"}]}',
    '{"f":[{"wildcard":"a\\\\b"}]}',
    '{"f":[{"wildcard":"a\\\\"}]}',
    '{"f":[{"wildcard":["a"]}]}',
  ],
  ...[
    '{"f":[{"exists":"true"}]}',
    '{"f":[{"exists":null}]}',
    '{"f":[{"exists":1}]}',
    '{"f":[{"anything-but":null}]}',
  ],
  ...['{"f":[{"anything-but":true}]}', '{"f":[{"anything-but":[true]}]}', '{"f":[{"anything-but":["a",1]}]}'],
  ...['{"f":[{"anything-but":[]}]}', '{"f":[{"anything-but":[["a"]]}]}', '{"f":[{"anything-but":{}}]}'],
  ...['{"f":[{"anything-but":{"numeric":["=",5]}}]}', '{"f":[{"anything-but":{"exists":true}}]}'],
  ...[
    '{"f":[{"anything-but":{"prefix":5}}]}',
    '{"f":[{"anything-but":{"prefix":""}}]}',
    '{"f":[{"anything-but":{"suffix":["a",""]}}]}',
  ],
  ...['{"f":[{"anything-but":{"prefix":"a","suffix":"b"}}]}', '{"f":[{"anything-but":{"wildcard":"a**"}}]}'],
  ...[
    '{"f":[{"anything-but":{"prefix":{"equals-ignore-case":"a"}}}]}',
    '{"f":[{"anything-but":[1,9007199254740993]}]}',
  ],
  ...[
    '{"f":[{"numeric":5}]}',
    '{"f":[{"numeric":[]}]}',
    '{"f":[{"numeric":["<"]}]}',
    '{"f":[{"numeric":["<","5"]}]}',
  ],
  ...[
    '{"f":[{"numeric":["!=",5]}]}',
    '{"f":[{"numeric":["<",5,">",0]}]}',
    '{"f":[{"numeric":[">",5,"<",5]}]}',
  ],
  ...[
    '{"f":[{"numeric":[">=",5,"<=",5]}]}',
    '{"f":[{"numeric":[">",6,"<",5]}]}',
    '{"f":[{"numeric":["=",5,"<",6]}]}',
  ],
  ...[
    '{"f":[{"numeric":[">",0,"<",5,"="]}]}',
    '{"f":[{"numeric":[">",0,">",5]}]}',
    '{"f":[{"numeric":[5]}]}',
  ],
  ...['{"f":[{"numeric":["=",9007199254740993]}]}', '{"f":[{"numeric":[">",0,"<",12345678901234567890]}]}'],
  ...[
    '{"f":[{"cidr":5}]}',
    '{"f":[{"cidr":"10.0.0.0"}]}',
    '{"f":[{"cidr":"10.0.0.0/"}]}',
    '{"f":[{"cidr":"10.0.0.0/x"}]}',
  ],
  ...[
    '{"f":[{"cidr":"10.0.0.0/-1"}]}',
    '{"f":[{"cidr":"10.0.0.0/32"}]}',
    '{"f":[{"cidr":"10.0.0.256/8"}]}',
    '{"f":[{"cidr":"x/8"}]}',
  ],
  ...['{"f":[{"cidr":"::1/128"}]}', '{"f":[{"cidr":"::1/129"}]}', '{"f":[{"cidr":"::ffff:a00:0/104"}]}'],
  ...[
    '{"$or":[]}',
    '{"$or":5}',
    '{"$or":[{"f":[1]}]}',
    '{"$or":[{},{"f":[1]}]}',
    '{"$or":[{"f":[1]},{"f":1}]}',
  ],
  ...[
    '{"$or":[{"f":[1]},{"prefix":[1]}]}',
    '{"$or":[{"f":[1]},{"g":{"numeric":[1]}}]}',
    '{"$or":[{"f":[1]},{"regex":[1]}]}',
  ],
].map((pattern): Case => [pattern, '{"f":"x"}'])

/** Objects, lists, `$or` and what is not there. */
const SHAPES: Case[] = cross(
  [
    ...[
      '{"a":[1]}',
      '{"a":[2]}',
      '{"a":{"b":[1]}}',
      '{"a":{"b":[1],"c":[2]}}',
      '{"a":{"b":{"c":[1]}}}',
      '{"a":[1],"d":["x"]}',
    ],
    ...[
      '{"a":{"b":[{"exists":true}]}}',
      '{"a":[{"exists":true}]}',
      '{"a":[{"exists":false}]}',
      '{"a":{"b":[{"exists":false}]}}',
    ],
    ...[
      '{"a":[null]}',
      '{"a":{"b":[{"exists":false},1]}}',
      '{"a":[{"exists":false}],"d":["x"]}',
      '{"prefix":[1]}',
    ],
    ...[
      '{"$or":[{"a":[1]},{"d":["x"]}]}',
      '{"$or":[{"a":{"b":[1]}},{"a":{"c":[2]}}]}',
      '{"a":{"$or":[{"b":[1]},{"c":[2]}]}}',
    ],
    ...[
      '{"$or":[{"a":[{"exists":false}]},{"d":["y"]}]}',
      '{"$or":[{"a":[1],"d":["y"]},{"a":[2],"d":["x"]}]}',
    ],
    ...[
      '{"d":["x"],"$or":[{"a":[1]},{"a":{"b":[1]}}]}',
      '{"$or":[{"$or":[{"a":[1]},{"a":[2]}]},{"d":["x"]}]}',
    ],
    ...[
      '{"a":{"b":{"c":[1]},"c":[2]}}',
      '{"a":{"b":["x",1,{"numeric":[">",5]}]}}',
      '{"":["e"]}',
      '{"a":{"b":{"c":[{"exists":true}]}}}',
    ],
  ],
  [
    ...[
      '{}',
      '{"a":1}',
      '{"a":[1,2]}',
      '{"a":[]}',
      '{"a":[[]]}',
      '{"a":{}}',
      '{"a":[{}]}',
      '{"a":null}',
      '{"a":[[1],[[2]]]}',
    ],
    ...[
      '{"a":{"b":1}}',
      '{"a":{"b":1,"c":2}}',
      '{"a":[{"b":1,"c":2}]}',
      '{"a":[{"b":1},{"c":2}]}',
      '{"a":[[{"b":1}],[{"c":2}]]}',
    ],
    ...[
      '{"a":[[{"b":1,"c":2}]]}',
      '{"a":[{"b":[1,3],"c":[4,2]}]}',
      '{"a":{"b":{"c":1}}}',
      '{"a":[{"b":{"c":1}},{"c":2}]}',
    ],
    ...[
      '{"a":[{"b":[{"c":1}],"c":2}]}',
      '{"a":[{"b":[{"c":1},{"d":1}],"c":2}]}',
      '{"a":1,"d":"x"}',
      '{"d":"x"}',
      '{"d":["y","x"],"a":2}',
    ],
    ...[
      '{"a":[1,{"b":1}],"d":"x"}',
      '{"prefix":1}',
      '{"":"e"}',
      '{"a":{"":"e"}}',
      '{"__proto__":1,"a":1}',
      '{"toString":1}',
    ],
  ],
)

/** Where we answer otherwise, and why. */
export const DIFFERENCES: readonly { readonly reason: string; readonly cases: readonly Case[] }[] = [
  {
    reason:
      'Characters of two UTF-16 units: event-ruler cuts them apart when it ignores case, and each half becomes "?". Here they stand for themselves.',
    cases: [
      ...square(['[{"equals-ignore-case":"😀"}]'], ['"😀"', '"??"', '"a"']),
      ...square(['[{"prefix":"\\ud83d"}]'], ['"😀"', '"?a"']),
    ],
  },
  {
    reason:
      'A character that is neither its own lower nor its own upper case does not even fit itself there. Here a text always does.',
    cases: square(
      ['[{"equals-ignore-case":"ǅ"}]', '[{"equals-ignore-case":"ᾈ"}]'],
      ['"ǅ"', '"ǆ"', '"Ǆ"', '"ᾈ"', '"ᾀ"'],
    ),
  },
  {
    reason:
      'Which numbers count as doubles depends on the JDK there: before 19, its doubles do not always print in the shortest form.',
    cases: square(['[8.41e21]', '[5e-324]'], ['8.41e21', '8410000000000000000000', '5e-324', '4.9e-324']),
  },
  {
    reason:
      'Zeros in front of a number in an address: Java takes them, others read them as octal. Here it is no address.',
    cases: [
      ...square(['["10.0.0.1"]'], ['"010.0.0.1"']),
      ...square(
        ['[{"cidr":"010.0.0.0/8"}]', '[{"cidr":"10.0.0.0/+8"}]', '[{"cidr":"10.0.0.0/8/"}]'],
        ['"10.1.2.3"'],
      ),
    ],
  },
  {
    reason: 'An IPv6 address whose end is written as an IPv4 address is none there. Here it is.',
    cases: square(
      ['[{"cidr":"::1.2.3.4/120"}]', '[{"cidr":"::102:300/120"}]'],
      ['"::1.2.3.4"', '"::102:304"'],
    ),
  },
  {
    reason:
      'IPv4 and IPv6 addresses are compared as hexadecimal text of either length there, so that ::/0 has 10.1.2.3, and 0.0.0.0/1 the number 10. Here each kind has its own networks.',
    cases: square(
      ['[{"cidr":"::/0"}]', '[{"cidr":"0.0.0.0/0"}]', '[{"cidr":"0.0.0.0/1"}]', '["0.0.0.0"]'],
      ['"10.1.2.3"', '"::1"', '"2001:db8::1"', '10'],
    ),
  },
  {
    reason:
      'A field that is named inside of "$or" and beside it counts once there, by the one that is written last. Here it is refused.',
    cases: cross(
      [
        '{"a":[1],"$or":[{"a":[2]},{"b":[3]}]}',
        '{"$or":[{"a":[2]},{"b":[3]}],"a":[1]}',
        '{"a":{"b":[1]},"$or":[{"a":{"b":[2]}},{"c":[1]}]}',
      ],
      ['{"a":1}', '{"a":2}', '{"a":1,"b":3}', '{"a":{"b":2}}'],
    ),
  },
  {
    reason: 'An "$or" that is no list of objects is a field of that name there. Here it is refused.',
    cases: [
      ['{"$or":{"a":[1]}}', '{"$or":{"a":1}}'],
      ['{"$or":[1,2]}', '{"$or":2}'],
    ],
  },
  {
    reason:
      'In a list of objects, whether a field is missing from all of them or from the one that fits depends there on which name comes first in the alphabet. Here it is missing from all.',
    cases: [
      ['{"a":{"b":[1],"c":[{"exists":false}]}}', '{"a":[{"b":1},{"c":2}]}'],
      ['{"a":{"b":[{"exists":false}],"c":[2]}}', '{"a":[{"b":1},{"c":2}]}'],
    ],
  },
  {
    reason: 'A dot in a name is the same as an object in an object there. Here a name is a name.',
    cases: cross(['{"a.b":[1]}', '{"a":{"b":[1]}}'], ['{"a":{"b":1}}', '{"a.b":1}', '{"a":1,"a.b":1}']),
  },
  {
    reason:
      'A name that comes twice in an object has both values there. Here it has the last one, as everywhere in JavaScript.',
    cases: [...cross(['{"f":["a"]}'], ['{"f":"b","f":"a"}', '{"f":"a","f":"b"}'])],
  },
  {
    reason: 'A name of no characters in an object in an object is not found there. Here it is a name.',
    cases: [['{"a":{"":["e"]}}', '{"a":{"":"e"}}']],
  },
  {
    reason:
      'A list of nothing in an operator of "anything-but" is taken there beside other entries, and nothing fits it. Here it is refused.',
    cases: square(
      ['prefix', 'equals-ignore-case', 'wildcard'].map(
        name => `[{"exists":true},{"anything-but":{"${name}":[]}}]`,
      ),
      ['"a"', '7'],
    ),
  },
  {
    reason:
      'At the largest doubles, making a rule ends there in an error of its own. Here nothing is larger.',
    cases: square(
      ['[{"numeric":["<=",-1.7976931348623157e308]}]', '[{"numeric":[">=",1.7976931348623157e308]}]'],
      ['3', '1.7976931348623157e308'],
    ),
  },
]

export const CASES: readonly Case[] = [
  ...SQUARES.flatMap(({ lists, values }) => square(lists, values)),
  ...REFUSED,
  ...SHAPES.filter(([pattern, event]) => !dependsOnNames(pattern, event)),
]

/** Whether the difference about fields that are missing from lists of objects may come to bear. */
export function dependsOnNames(pattern: string, event: string): boolean {
  return pattern.includes('"exists":false') && /\[\s*(\[|.*\{)/.test(event)
}

function square(lists: readonly string[], values: readonly string[]): Case[] {
  return cross(
    lists.map(list => `{"f":${list}}`),
    values.map(value => `{"f":${value}}`),
  )
}

function cross(patterns: readonly string[], events: readonly string[]): Case[] {
  return patterns.flatMap(pattern => events.map((event): Case => [pattern, event]))
}
