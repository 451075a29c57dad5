"""Payouts: trainers' payout accounts, transfers and bank payouts."""
