import { assignment, update } from "./assignment.ts";
import { call } from "./call.ts";
import { cast, nonNull } from "./cast.ts";
import { condition, conditional, logical } from "./condition.ts";
import { closure } from "./function.ts";
import { identifier } from "./identifier.ts";
import { literal, literalArray, literalObject } from "./literal.ts";
import { counted, forOf } from "./loop.ts";
import type { Forms } from "./lowering.ts";
import { member } from "./member.ts";
import { binary, sequence, unary } from "./operator.ts";
import { REFUSED_EXPRESSIONS, REFUSED_STATEMENTS } from "./refused.ts";
import {
	block,
	expressionStatement,
	ifStatement,
	labelled,
	leave,
	nothing,
	returnStatement,
	switchStatement,
	variables,
} from "./statement.ts";
import { concatenation } from "./template.ts";

/**
 * Where each construct of the source is lowered. A form reaches what stands inside it by `l.expression`, `l.statement`
 * and `l.condition`, which look here; what forms share stands in files below them (`value`, `place`, `integer` …).
 */
export const FORMS: Forms = {
	expressions: {
		Literal: literal,
		TemplateLiteral: concatenation,
		Identifier: identifier,
		MemberExpression: member,
		ChainExpression: (l, node, want) => l.expression(node["expression"], want),
		ParenthesizedExpression: (l, node, want) => l.expression(node["expression"], want),
		TSSatisfiesExpression: (l, node, want) => l.expression(node["expression"], want),
		CallExpression: call,
		BinaryExpression: binary,
		LogicalExpression: logical,
		ConditionalExpression: conditional,
		UnaryExpression: unary,
		UpdateExpression: update,
		AssignmentExpression: assignment,
		ObjectExpression: literalObject,
		ArrayExpression: literalArray,
		SequenceExpression: sequence,
		ArrowFunctionExpression: closure,
		FunctionExpression: closure,
		TSAsExpression: cast,
		TSTypeAssertion: cast,
		TSNonNullExpression: nonNull,
		...REFUSED_EXPRESSIONS,
	},
	statements: {
		ExpressionStatement: expressionStatement,
		VariableDeclaration: variables,
		FunctionDeclaration: nothing,
		EmptyStatement: nothing,
		TSInterfaceDeclaration: nothing,
		TSTypeAliasDeclaration: nothing,
		BlockStatement: block,
		IfStatement: ifStatement,
		ReturnStatement: returnStatement,
		ForStatement: counted,
		WhileStatement: counted,
		DoWhileStatement: counted,
		ForOfStatement: forOf,
		SwitchStatement: switchStatement,
		LabeledStatement: labelled,
		BreakStatement: leave,
		ContinueStatement: leave,
		...REFUSED_STATEMENTS,
	},
	condition,
};
