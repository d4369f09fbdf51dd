# Makes regress.csv beside it: Rscript tests/reference/regress.R (lmtest, sandwich, strucchange).
suppressMessages({library(lmtest); library(sandwich); library(strucchange)})
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
out <- list()
put <- function(case, name, value) out[[length(out) + 1]] <<- data.frame(case, name, value = format(value, digits = 15))
lagged <- function(x, k) if (k >= 0) c(rep(NA, k), head(x, length(x) - k)) else c(tail(x, length(x) + k), rep(NA, -k))
row_of <- function(case, fit, column, type) {
  v <- if (type == "classical") vcov(fit) else if (type == "HAC") NeweyWest(fit, lag = 3, prewhite = FALSE, adjust = FALSE) else vcovHC(fit, type = type)
  t <- coeftest(fit, vcov. = v, df = df.residual(fit)); ci <- coefci(fit, vcov. = v, df = df.residual(fit), level = 0.9)
  put(case, "estimate", t[column, 1]); put(case, "std_error", t[column, 2]); put(case, "statistic", t[column, 3])
  put(case, "p_value", t[column, 4]); put(case, "conf_low", ci[column, 1]); put(case, "conf_high", ci[column, 2])
  put(case, "df", df.residual(fit)); put(case, "n_obs", nobs(fit))
}
egg <- read.csv(file.path(here, "chickegg.csv"))
y <- egg$chicken; x <- egg$egg
window <- rowMeans(sapply(1:3, function(k) lagged(x, k)))
link <- lm(y ~ window + lagged(x, 4) + lagged(y, 1) + lagged(y, 2))
for (type in c("HC0", "HC1", "HC2", "HC3", "classical")) row_of(paste0("link_egg_", type), link, "window", type)
same <- lm(y ~ x + lagged(x, 1) + lagged(y, 1) + lagged(y, 2) + lagged(y, 3))
row_of("link_egg_lag0_p3_HC3", same, "x", "HC3")
ahead <- rowMeans(sapply(0:2, function(k) lagged(y, -k)))
zero <- lm(ahead ~ x + lagged(x, 1) + lagged(x, 2) + lagged(y, 1) + lagged(y, 2))
row_of("lp_egg_a0_b2_p2_HC3", zero, "x", "HC3")
belts <- read.csv(file.path(here, "seatbelts.csv"))
d <- log(belts$drivers); p <- log(belts$petrol_price); k <- log(belts$kms); m <- factor(belts$month); l <- belts$law
lp <- rowMeans(sapply(1:3, function(h) lagged(d, -h)))
for (type in c("HC3", "HC2", "classical")) {
  f <- lm(lp ~ p + lagged(p, 1) + lagged(p, 2) + d + lagged(d, 1) + lagged(d, 2) + m + l); row_of(paste0("lp_petrol_law_", type), f, "p", type)
}
f <- lm(lp ~ p + lagged(p, 1) + lagged(p, 2) + d + lagged(d, 1) + lagged(d, 2) + k + lagged(k, 1) + lagged(k, 2) + m); row_of("lp_petrol_controls_kms_HC3", f, "p", "HC3")
w <- rowMeans(sapply(1:2, function(h) lagged(p, h)))
f <- lm(d ~ w + lagged(p, 3) + lagged(d, 1) + lagged(d, 2) + lagged(k, 1) + l + m); row_of("link_petrol_controls_HC3", f, "w", "HC3")
gap <- d; gap[c(40, 41, 90)] <- NA
f <- lm(gap ~ w + lagged(p, 3) + lagged(gap, 1) + lagged(gap, 2) + m); row_of("link_petrol_gaps_HC3", f, "w", "HC3")
f <- lm(d ~ w + lagged(p, 3) + lagged(d, 1) + lagged(d, 2) + m); row_of("link_petrol_HAC3", f, "w", "HAC")
# lag-augmented joint tests (two lags tested, one more included)
joint <- lm(y ~ lagged(x, 1) + lagged(x, 2) + lagged(x, 3) + lagged(y, 1) + lagged(y, 2) + lagged(y, 3))
for (type in c("HC3", "HC0")) {
  b <- coef(joint)[2:3]; V <- vcovHC(joint, type = type)[2:3, 2:3]; W <- drop(b %*% solve(V) %*% b)
  put(paste0("joint_egg_k2_", type), "wald", W); put(paste0("joint_egg_k2_", type), "p_value", pf(W / 2, 2, df.residual(joint), lower.tail = FALSE))
}
for (order in 1:4) {
  g <- grangertest(chicken ~ egg, order = order, data = egg); put(paste0("granger_egg_", order), "statistic", g$F[2]); put(paste0("granger_egg_", order), "p_value", g$`Pr(>F)`[2])
  g <- grangertest(egg ~ chicken, order = order, data = egg); put(paste0("granger_chicken_", order), "statistic", g$F[2]); put(paste0("granger_chicken_", order), "p_value", g$`Pr(>F)`[2])
}
# sup-F
b <- log10(belts$drivers); s <- data.frame(y = b, y1 = lagged(b, 1), y12 = lagged(b, 12)); s <- s[complete.cases(s), ]
supf <- function(case, formula, data, from) {
  F <- Fstats(formula, data = data, from = from); t <- sctest(F)
  put(case, "statistic", unname(t$statistic)); put(case, "p_value", t$p.value); put(case, "breakpoint", F$breakpoint); put(case, "candidates", length(F$Fstats))
}
for (from in c(0.05, 0.1, 0.15, 0.25)) supf(paste0("supf_belts_", from), y ~ y1 + y12, s, from)
supf("supf_mean_0.15", y ~ 1, s, 0.15)
supf("supf_egg_0.15", chicken ~ egg, egg, 0.15)
for (k in c(1, 2, 5, 20, 40)) for (x in c(2, 12, 40)) for (tau in c(0.005, 0.06, 0.15, 0.333, 0.492))
  put(paste("hansen", k, x, tau, sep = "_"), "p_value", strucchange:::pvalue.Fstats(x, "supF", k, ((1 - tau) / tau)^2))
write.csv(do.call(rbind, out), file.path(here, "regress.csv"), row.names = FALSE, quote = FALSE)
