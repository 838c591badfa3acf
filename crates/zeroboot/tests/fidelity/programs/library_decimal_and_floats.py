# long: yes
import decimal
import fractions
import math

decimal.getcontext().prec = 50
print(decimal.Decimal(2).sqrt(), fractions.Fraction(0.1), 0.1 + 0.2, 1e300 * 1e10, -0.0)
print(float.hex(0.1), round(2.675, 2), math.fsum([0.1] * 10), f"{1234567.891:,.2f}", repr(1e16), 5e-324)
print(decimal.Decimal("1") / decimal.Decimal("3"), math.gamma(5.5), math.pi)
print(decimal.Decimal(1) / 0)
