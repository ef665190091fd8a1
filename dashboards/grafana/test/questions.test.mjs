import test from 'node:test';
import pg from 'pg';
import { checkQuestions, withDeployments } from '../../queries/live.mjs';

test('the questions that the panels ask', async (t) => {
	await withDeployments(pg.Client, (live) => checkQuestions(live, (name, body) => t.test(name, body)));
});
