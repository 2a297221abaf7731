"""What comes back by mail: bounces, complaints, automatic replies, wishes, and answers of people.

A message is read (`messages`), understood (`classifying`, which knows neither the database nor who it is from),
believed only by our own token or Message-ID, and then acted upon.
"""
