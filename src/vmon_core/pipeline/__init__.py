"""The pipeline: collect, analyze, guardrail, intervene."""
