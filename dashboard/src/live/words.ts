// Sentences and numbers of the dashboard.

import { plainNumber, readable } from '../charts/units';
import { type Privacy, type Round } from './data';

// What is left of a budget may be said too small, never too large: 3.21479 →
// "3.214".
export function lowerBound(value: number): string {
  if (!(value > 0)) return '0';
  const digit = 10 ** (Math.floor(Math.log10(value)) - 3);
  return plainNumber(Math.floor(value / digit * (1 + 1e-12)) * digit);
}

// Where the task's rounds end, and at which epsilon. `isAlone`: no other task of
// its population is going to spend.
export function projectedEnd(privacy: Privacy, isAlone: boolean): string {
  const { projected_rounds, rounds, projected_epsilon } = privacy;
  const of = `${plainNumber(projected_rounds)} of ${plainNumber(rounds)} rounds`;
  const end = projected_rounds < rounds
    ? 'where the budget ends'
    : `with epsilon ${readable(projected_epsilon, 'bound')}`;
  return `${of}, ${end}${isAlone ? '' : ', if no other task spends'}`;
}

// "2 min", "3 h": of a span in seconds.
export function span(seconds: number): string {
  return readable(Math.max(seconds, 0), 'time');
}

export function secondsBetween(from: string, to: string): number {
  return (Date.parse(to) - Date.parse(from)) / 1000;
}

// "Round 12 collects: 40 of 50 reports, 31 s to its deadline."
export function roundSentence(round: Round, at: string): string {
  const reports = `${plainNumber(round.accepted)} of ${plainNumber(round.cohort)} reports`;
  switch (round.state) {
    case 'open':
      return `Round ${round.number} is open: nobody has come yet.`;
    case 'collecting': {
      const collects = `Round ${round.number} collects: ${reports}`;
      if (round.deadline === undefined) return `${collects}.`;
      const left = secondsBetween(at, round.deadline);
      return left > 0
        ? `${collects}, ${span(left)} to its deadline.` : `${collects}, past its deadline.`;
    }
    case 'sealed':
    case 'revealed':
      return `Round ${round.number} has ${reports} and is being summed up.`;
    case 'committed':
      return `Round ${round.number} was committed with ${reports}.`;
    case 'failed':
      return `Round ${round.number} failed with ${reports}: ` +
        `${round.failure.replaceAll('_', ' ')}.`;
  }
}
