"""What endpoints serve, held against what the product manages. Pure; the handshakes come from elsewhere."""

from certify_automation.verify.chains import Roots
from certify_automation.verify.judging import Judgement, judge

__all__ = ["Judgement", "Roots", "judge"]
