/** A reporter for vitest that names the tests which passed at a second try only: on a busy machine they show a race. */
export default class FlakyReporter {
  onTestRunEnd(modules) {
    const flaky = modules
      .flatMap((module) => [...module.children.allTests()])
      .filter((test) => test.diagnostic()?.flaky === true);
    for (const test of flaky)
      console.log(`Passed at a second try only: ${test.module.relativeModuleId} > ${test.fullName}`);
  }
}
