"""Runs the contract tests in a board process of the unix port: the same words as a board, with this file for main."""

import sys

import contract

contract.main(sys.argv, ".")
