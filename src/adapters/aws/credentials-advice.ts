/** Where to look when there are no credentials, or wrong ones: the SDK does not name the profile that it looked for. */
export function credentialsAdvice(environment: NodeJS.ProcessEnv = process.env): string {
  const profile = environment.AWS_PROFILE
  if (!profile)
    return 'set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in with `aws sso login`'
  const login = `\`aws sso login --profile ${profile}\``
  return `AWS_PROFILE is "${profile}": is there such a profile (\`aws configure list-profiles\`), and has it credentials that hold (${login})?`
}

/** The same where a profile might have told something else: the region. */
export function aboutProfile(environment: NodeJS.ProcessEnv = process.env): string {
  const profile = environment.AWS_PROFILE
  return profile ? `, or a region in the profile "${profile}", if there is one (AWS_PROFILE names it)` : ''
}
