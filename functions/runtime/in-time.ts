/**
 * The result, or what is to be told instead while there is time to: a function that is stopped answers nothing that
 * anybody could make sense of.
 */
export async function inTime<Result>(
  working: Promise<Result>,
  leftMs: number,
  tooLate: () => Result,
): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Result>(resolve => {
    timer = setTimeout(() => resolve(tooLate()), Math.max(0, leftMs))
  })
  try {
    return await Promise.race([working, late])
  } finally {
    clearTimeout(timer)
  }
}
