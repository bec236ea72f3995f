{{/* Refuses values that contradict one another. Each message says where, what is wrong, and what to do. */}}
{{- define "baton.checks" -}}
{{- $config := include "baton.config" . | fromYaml }}

{{- $lease := $config.lease }}
{{- $ttl := include "baton.milliseconds" $lease.ttl | atoi }}
{{- $renewEvery := include "baton.milliseconds" $lease.renewEvery | atoi }}
{{- $renewTimeout := include "baton.milliseconds" $lease.renewTimeout | atoi }}
{{- $margin := include "baton.milliseconds" $lease.margin | atoi }}
{{- range $key, $value := pick $lease "ttl" "renewEvery" "renewTimeout" "margin" }}
{{- if eq (include "baton.milliseconds" $value) "0" }}
{{- fail (printf "config.baton.lease.%s: `%s` is no time at all. Make it longer." $key $value) }}
{{- end }}
{{- end }}
{{- if gt (mul 3 $renewEvery) $ttl }}
{{- fail (printf "config.baton.lease.ttl: `%s` is shorter than 3 × renewEvery. Raise it to at least %dms, or lower renewEvery." $lease.ttl (mul 3 $renewEvery)) }}
{{- end }}
{{- $needed := add $renewEvery (mul 2 $renewTimeout) 100 $margin }}
{{- if gt $needed (int64 $ttl) }}
{{- fail (printf "config.baton.lease.ttl: `%s` leaves no time to repeat a failed renewal. Raise it to at least %dms (renewEvery + 2 × renewTimeout + margin + 100ms), or lower those." $lease.ttl $needed) }}
{{- end }}

{{- $drain := include "baton.milliseconds" $config.shutdown.drain | atoi }}
{{- if le (mul 1000 .Values.terminationGracePeriodSeconds) $drain }}
{{- fail (printf "terminationGracePeriodSeconds: %d s are not more than config.baton.shutdown.drain, `%s`: a leader could be killed while it hands over. Raise it to at least %d." (int .Values.terminationGracePeriodSeconds) $config.shutdown.drain (add 1 (div $drain 1000))) }}
{{- end }}

{{- $listen := default "" $config.http.listen }}
{{- if or (regexMatch "^(127\\.|localhost:|\\[::1\\])" $listen) (regexMatch ":0+$" $listen) (not $listen) }}
{{- fail (printf "config.baton.http.listen: `%s` can't be reached by the probes. Use `0.0.0.0:8080`, or `[::]:8080` for IPv6." $listen) }}
{{- end }}

{{- if not (hasKey $config.redis $lease.redis) }}
{{- fail (printf "config.baton.lease.redis: `%s` names no server under config.baton.redis." $lease.redis) }}
{{- end }}

{{- /* In a URL before the host or as a parameter, or among libpq's keywords. */}}
{{- $password := "://[^/@]*:[^/@]*@|[?&]password=|(^|\\s)password\\s*=" }}
{{- range $name, $server := merge (dict "postgres" $config.postgres) $config.redis }}
{{- $variable := ternary "BATON_POSTGRES" (printf "BATON_REDIS_%s" (snakecase $name | upper | replace "-" "_")) (eq $name "postgres") }}
{{- $path := ternary "postgres" (printf "redis.%s" $name) (eq $name "postgres") }}
{{- if $server.password }}
{{- fail (printf "config.baton.%s.password: would be readable in a ConfigMap. Put it under `secrets` as %s_PASSWORD." $path $variable) }}
{{- end }}
{{- if regexMatch $password (default "" $server.url) }}
{{- fail (printf "config.baton.%s.url: has a password in it, which would be readable in a ConfigMap. Put the password under `secrets` as %s_PASSWORD, or the URL as %s_URL." $path $variable $variable) }}
{{- end }}
{{- end }}

{{- if and .Values.config.datasets .Values.config.useExampleDatasets }}
{{- fail "config.useExampleDatasets: config.datasets is given too. Use one of the two." }}
{{- end }}

{{- if and .Values.existingSecret.name .Values.secrets }}
{{- fail "secrets: existingSecret.name is set too. Use one of the two." }}
{{- end }}
{{- if and .Values.existingSecret.name (not .Values.existingSecret.keys) }}
{{- fail (printf "existingSecret.keys: is empty. Say which variable each key of `%s` is for, such as BATON_POSTGRES_PASSWORD: postgres-password." .Values.existingSecret.name) }}
{{- end }}
{{- if and .Values.existingSecret.keys (not .Values.existingSecret.name) }}
{{- fail "existingSecret.name: is empty, but existingSecret.keys is not. Name the Secret that has the keys." }}
{{- end }}

{{- $secretKeys := include "baton.secretKeys" . | fromYaml }}
{{- range .Values.extraEnv }}
{{- if eq .name "BATON_CONFIG" }}
{{- fail "extraEnv: BATON_CONFIG is set by the chart, to the configuration that it makes. Put settings under config.baton." }}
{{- end }}
{{- if regexMatch "^BATON_(LEASE|SHUTDOWN|HTTP)_" .name }}
{{- fail (printf "extraEnv: %s belongs under config.baton, where the chart can see whether it fits." .name) }}
{{- end }}
{{- if and (hasKey . "value") (or (hasSuffix "_PASSWORD" .name) (regexMatch $password .value)) }}
{{- fail (printf "extraEnv: %s would be readable in the Deployment. Put it under `secrets`." .name) }}
{{- end }}
{{- if hasKey $secretKeys (trimSuffix "_FILE" .name) }}
{{- fail (printf "extraEnv: %s is set from a Secret already. Keep one." .name) }}
{{- end }}
{{- end }}

{{- if eq .Values.strategy.type "RollingUpdate" }}
{{- $rolling := default dict .Values.strategy.rollingUpdate }}
{{- if and (has (toString $rolling.maxSurge) (list "0" "0%")) (has (toString $rolling.maxUnavailable) (list "0" "0%")) }}
{{- fail "strategy.rollingUpdate: maxSurge and maxUnavailable are both 0, so nothing could ever be updated. Raise one." }}
{{- end }}
{{- else if .Values.strategy.rollingUpdate }}
{{- fail "strategy.rollingUpdate: goes with the type RollingUpdate only. Set it to null." }}
{{- end }}

{{- /* The example's keys are names that an application may use too: nobody gets them without asking. */}}
{{- if not (or .Values.config.datasets .Values.config.useExampleDatasets) }}
{{- fail "config.datasets: is empty, so nothing says which tables to read and which keys to write. Put a whole datasets.yaml there. Only to try the chart out, where no application uses keys such as `merchant:{id}`: set config.useExampleDatasets to true." }}
{{- end }}
{{- end }}
