import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromPathText, toPathText } from '../../../../src/contract/http/requests/path-text.ts'

const texts = fc.string({ unit: fc.oneof(fc.constantFrom(...'/\\?#%~2Ff.'), fc.string({ maxLength: 1 })) })

test('comes back as it was, whether or not the path is decoded on its way', () => {
  fc.assert(
    fc.property(texts, text => {
      const onTheWay = encodeURIComponent(toPathText(text))
      expect(fromPathText(decodeURIComponent(onTheWay))).toBe(text)
      // Decoded once, it has nothing left that a second decoding could change, or that means something in a path.
      expect(decodeURIComponent(decodeURIComponent(onTheWay))).toBe(decodeURIComponent(onTheWay))
      expect(decodeURIComponent(onTheWay)).not.toMatch(/[/\\?#%]/)
    }),
  )
})

test('is spelled as it is written down', () => {
  expect(toPathText('a/b\\c?d#e%f~g h')).toBe('a~2Fb~5Cc~3Fd~23e~25f~7Eg h')
})

test('may be percent-encoded only, where nobody decodes it on its way', () => {
  expect(fromPathText(decodeURIComponent('a%2Fb%3F~c~2f'))).toBe('a/b?~c/')
})
